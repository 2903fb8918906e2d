/* What goes to the host, gathered, so that few calls of the system carry it. */
#include "rollouts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MUCH = 256 * 1024 };

static struct bytes output;

void fail(const char *step) {
    fprintf(stderr, "agentos-rollouts: cannot %s: %s\n", step, strerror(errno));
    exit(1);
}

void append(struct bytes *to, const void *data, size_t size) {
    if (to->room - to->size < size) {
        size_t room = (to->size + size) * 2;
        char *grown = realloc(to->data, room);
        if (!grown) fail("hold what was found");
        to->data = grown;
        to->room = room;
    }
    if (size) memcpy(to->data + to->size, data, size);
    to->size += size;
}

void put(const void *data, size_t size) {
    append(&output, data, size);
    if (output.size >= MUCH) flush_output();
}

void flush_output(void) {
    for (size_t done = 0; done < output.size;) {
        ssize_t written = write(STDOUT_FILENO, output.data + done, output.size - done);
        if (written < 0 && errno != EINTR) fail("tell what was found");
        if (written > 0) done += (size_t)written;
    }
    output.size = 0;
}
