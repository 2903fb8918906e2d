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

/* Stages of other machines come as descriptors, in the order of the words that use them. */
static int stages[MAX_LOWERS], stage_count, stages_used;

static ssize_t receive_plan(void) {
    static union {
        char space[CMSG_SPACE(sizeof stages)];
        struct cmsghdr align;
    } control;
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) fail("receive the plan");
    stage_count = received_descriptors(&message, stages);
    stages_used = 0;
    return size;
}

static int next_stage(void) {
    if (stages_used == stage_count) {
        errno = EBADMSG;
        fail("receive the layers");
    }
    return stages[stages_used++];
}

static void add_lower(struct plan *plan, struct layer layer) {
    if (plan->lowers == MAX_LOWERS) too_many("stack the image's layers");
    plan->lower[plan->lowers++] = layer;
}

void read_plan(struct plan *plan) {
    ssize_t size = receive_plan();
    plan->copy = -1;
    const char *cursor = packet, *end = packet + size;
    while (cursor < end) {
        const char *key = word(&cursor, end);
        if (!strcmp(key, "uid-map")) plan->uid_map = word(&cursor, end);
        else if (!strcmp(key, "gid-map")) plan->gid_map = word(&cursor, end);
        else if (!strcmp(key, "kvm")) plan->kvm = word(&cursor, end);
        else if (!strcmp(key, "hostname")) plan->hostname = word(&cursor, end);
        else if (!strcmp(key, "size")) plan->size = word(&cursor, end);
        else if (!strcmp(key, "open-files")) limit_open_files(strtoul(word(&cursor, end), NULL, 10));
        else if (!strcmp(key, "user")) plan->user = (uid_t)strtoul(word(&cursor, end), NULL, 10);
        else if (!strcmp(key, "lower")) add_lower(plan, (struct layer){word(&cursor, end), -1});
        else if (!strcmp(key, "layer")) add_lower(plan, (struct layer){NULL, next_stage()});
        else if (!strcmp(key, "sandbox")) plan->sandbox = true;
        else if (!strcmp(key, "copy")) plan->copy = next_stage();
        else if (!strcmp(key, "bind")) {
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
