/* Reads the rollouts of Codex: a gigabyte in a fraction of a second.
 *
 * The host spawns this program with one end of a SOCK_STREAM pair as its stdin. Each request is a
 * `struct place`, with a rollout's descriptor beside it; what is found from there on is written to
 * stdout, one `struct frame` after another. The host ends the program by closing the socket,
 * or with its own end.
 *
 * Nothing is judged here. What is exactly as Codex writes it, and is a call, becomes a row of
 * columns; every other line that may count goes to the host as it is (line.c).
 */
#ifndef ROLLOUTS_H
#define ROLLOUTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LONGEST_LINE = 32 << 20, MOST_CALLS = 5000, LONGEST_WORD = 200, LONGEST_TOTAL = 1000 };
/* Of one call; see MOST_TOKENS in usage/reading/entry.py. */
enum { MOST_TOKENS = 100000000 };

/* A place between two lines: behind how many bytes and lines it is. */
struct place {
    uint64_t offset, line;
};

enum kind {
    LINE = 1,   /* number: how many calls of the next CALLS came before it; the line follows,
                   without its end, or nothing if it is no JSON object */
    CALLS = 2,  /* number: how many; the columns follow, then texts (calls.c) */
    END = 3,    /* what is behind the last whole line follows */
    FAILED = 4, /* number: the errno with which the rollout cannot be read on */
};

/* `place` is where it ends, and `size` how many bytes follow. */
struct frame {
    struct place begin, place;
    uint32_t kind, number;
    uint64_t size;
};

struct text {
    const char *at, *end;
};

struct bytes {
    char *data;
    size_t size, room;
};

/* What a record tells, in the order of the columns. */
enum column { NUMBER, OFFSET, AT, INPUT, CACHED, STORED, OUTPUT, REASONING, COLUMNS };

struct record {
    int64_t values[COLUMNS];
    struct text thread, session, turn, response, total;
};

/* output.c */
_Noreturn void fail(const char *step);
void append(struct bytes *to, const void *data, size_t size);
void put(const void *data, size_t size);
void flush_output(void);
#define APPEND(to, literal) append(to, literal, sizeof literal - 1)

/* json.c */
#define SKIP(text, literal) skip(text, literal, sizeof literal - 1)
bool skip(struct text *text, const char *literal, size_t size);
bool read_word(struct text *text, struct text *found);
bool read_number(struct text *text, int64_t *found);
bool skip_value(struct text *text);

/* record.c */
bool read_time(struct text text, int64_t *milliseconds);
bool read_record(struct text payload, struct record *record);

/* calls.c */
bool add_call(const struct record *record);
uint32_t calls_kept(void);
struct text latest_total(void);
void forget_total(void);
void hand_over_calls(struct place place);

/* line.c */
void take_line(struct text line, struct place begin, struct place end);

#endif
