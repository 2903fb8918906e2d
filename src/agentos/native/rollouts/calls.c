/* Calls, kept column by column until there are enough, or until a line comes that has to be read
 * after them.
 *
 * On their way: each column as 64-bit numbers; the sizes of what follows; the first call of each
 * names, counted from 0; the answers' ids, and the names, each ended by a newline; the thread's
 * total as JSON. A call's names are its thread, session and turn, which calls that follow each
 * other mostly share. */
#include "rollouts.h"

#include <string.h>

static struct {
    uint32_t count;
    int64_t columns[COLUMNS][MOST_CALLS];
    struct bytes begins, ids, names;
    size_t latest; /* where the latest names begin */
    char total[LONGEST_TOTAL];
    size_t total_size;
} kept;

static bool same(struct text one, const char *other, size_t size) {
    return (size_t)(one.end - one.at) == size && !memcmp(one.at, other, size);
}

static void append_line(struct bytes *to, struct text text) {
    append(to, text.at, (size_t)(text.end - text.at));
    APPEND(to, "\n");
}

static bool has_latest_names(const struct record *record) {
    const struct text *names[] = {&record->thread, &record->session, &record->turn};
    if (!kept.begins.size) return false;
    const char *at = kept.names.data + kept.latest, *end = kept.names.data + kept.names.size;
    for (int each = 0; each < 3; each++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline || !same(*names[each], at, (size_t)(newline - at))) return false;
        at = newline + 1;
    }
    return true;
}

static void add_names(const struct record *record) {
    int64_t begin = kept.count;
    append(&kept.begins, &begin, sizeof begin);
    kept.latest = kept.names.size;
    append_line(&kept.names, record->thread);
    append_line(&kept.names, record->session);
    append_line(&kept.names, record->turn);
}

/* False if its total is too long to be remembered. */
bool add_call(const struct record *record) {
    size_t size = (size_t)(record->total.end - record->total.at);
    if (size > sizeof kept.total) return false;
    if (!has_latest_names(record)) add_names(record);
    append_line(&kept.ids, record->response);
    for (int column = 0; column < COLUMNS; column++)
        kept.columns[column][kept.count] = record->values[column];
    kept.count++;
    memcpy(kept.total, record->total.at, kept.total_size = size);
    return true;
}

uint32_t calls_kept(void) {
    return kept.count;
}

/* The total that the latest record told; empty before the first, and once it is forgotten. */
struct text latest_total(void) {
    return (struct text){kept.total, kept.total + kept.total_size};
}

void forget_total(void) {
    kept.total_size = 0;
}

void hand_over_calls(struct place place) {
    if (!kept.count) return;
    uint64_t sizes[] = {kept.begins.size, kept.ids.size, kept.names.size, kept.total_size};
    size_t column = kept.count * sizeof(int64_t);
    uint64_t size = column * COLUMNS + sizeof sizes + sizes[0] + sizes[1] + sizes[2] + sizes[3];
    struct frame frame = {.place = place, .kind = CALLS, .number = kept.count, .size = size};
    put(&frame, sizeof frame);
    for (int each = 0; each < COLUMNS; each++) put(kept.columns[each], column);
    put(sizes, sizeof sizes);
    put(kept.begins.data, kept.begins.size);
    put(kept.ids.data, kept.ids.size);
    put(kept.names.data, kept.names.size);
    put(kept.total, kept.total_size);
    kept.count = 0;
    kept.begins.size = kept.ids.size = kept.names.size = 0;
}
