/* The plan: the host's first packet, a list of NUL-terminated words. */
#include "agentos.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static char packet[PACKET_MAX];

static const char *word(const char **cursor, const char *end) {
    const char *text = next_text(cursor, end);
    if (!text) {
        errno = EBADMSG;
        fail("read the plan");
    }
    return text;
}

static void too_many(const char *what) {
    errno = E2BIG;
    fail(what);
}

void read_plan(struct plan *plan) {
    ssize_t size = recv(CONTROL, packet, sizeof packet, 0);
    if (size <= 0) fail("receive the plan");
    const char *cursor = packet, *end = packet + size;
    while (cursor < end) {
        const char *key = word(&cursor, end);
        if (!strcmp(key, "uid-map")) plan->uid_map = word(&cursor, end);
        else if (!strcmp(key, "gid-map")) plan->gid_map = word(&cursor, end);
        else if (!strcmp(key, "hostname")) plan->hostname = word(&cursor, end);
        else if (!strcmp(key, "size")) plan->size = word(&cursor, end);
        else if (!strcmp(key, "user")) plan->user = (uid_t)strtoul(word(&cursor, end), NULL, 10);
        else if (!strcmp(key, "lower")) {
            if (plan->lowers == MAX_LOWERS) too_many("stack the image's layers");
            plan->lower[plan->lowers++] = word(&cursor, end);
        } else if (!strcmp(key, "bind")) {
            if (plan->binds == MAX_BINDS) too_many("bind host directories");
            plan->bind[plan->binds].from = word(&cursor, end);
            plan->bind[plan->binds++].to = word(&cursor, end);
        } else if (!strcmp(key, "hide")) {
            if (plan->hides == MAX_BINDS) too_many("hide directories");
            plan->hide[plan->hides++] = word(&cursor, end);
        } else {
            errno = EBADMSG;
            fail("understand the plan");
        }
    }
    if (!plan->uid_map || !plan->gid_map || !plan->hostname || !plan->size || !plan->lowers) {
        errno = EBADMSG;
        fail("complete the plan");
    }
}
