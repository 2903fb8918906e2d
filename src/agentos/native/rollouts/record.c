/* A `token_usage_record`, which tells of one call. */
#include "rollouts.h"

#include <string.h>

enum { FIRST_YEAR = 2015, LAST_YEAR = 2199 };

static int digits(const char *at, int count) {
    int value = 0;
    for (; count--; at++) {
        if (*at < '0' || *at > '9') return -1;
        value = value * 10 + (*at - '0');
    }
    return value;
}

/* Days from 1970 to a day of the Gregorian calendar, counted in years that begin in March. */
static int64_t days_to(int year, int month, int day) {
    year -= month < 3;
    int century = year / 100, march = (month + 9) % 12;
    return 365LL * year + year / 4 - century + century / 4 + (153 * march + 2) / 5 + day - 719469;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* As `2026-11-21T03:42:32.158Z`. */
bool read_time(struct text text, int64_t *milliseconds) {
    const char *at = text.at;
    if (text.end - at != 24 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':' || at[19] != '.' || at[23] != 'Z')
        return false;
    int year = digits(at, 4), month = digits(at + 5, 2), day = digits(at + 8, 2);
    int hour = digits(at + 11, 2), minute = digits(at + 14, 2), second = digits(at + 17, 2);
    int thousandths = digits(at + 20, 3);
    if (year < FIRST_YEAR || year > LAST_YEAR || month < 1 || month > 12 || day < 1 ||
        day > days_in(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59 || thousandths < 0)
        return false;
    int64_t seconds = ((days_to(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    *milliseconds = seconds * 1000 + thousandths;
    return true;
}

static bool is(struct text text, const char *literal) {
    size_t size = strlen(literal);
    return (size_t)(text.end - text.at) == size && !memcmp(text.at, literal, size);
}

static int column_of(struct text name) {
    if (is(name, "input_tokens")) return INPUT;
    if (is(name, "cached_input_tokens")) return CACHED;
    if (is(name, "cache_write_input_tokens")) return STORED;
    if (is(name, "output_tokens")) return OUTPUT;
    if (is(name, "reasoning_output_tokens")) return REASONING;
    return -1;
}

static bool read_usage(struct text *text, struct record *record) {
    int64_t *values = record->values;
    for (int column = INPUT; column <= REASONING; column++) values[column] = -1;
    if (!SKIP(text, "{")) return false;
    do {
        struct text name;
        int64_t value;
        if (!read_word(text, &name) || !SKIP(text, ":") || !read_number(text, &value)) return false;
        int column = column_of(name);
        if (column >= 0) values[column] = value;
    } while (SKIP(text, ","));
    for (int column = INPUT; column <= REASONING; column++)
        if (values[column] < 0 || values[column] > MOST_TOKENS) return false;
    return SKIP(text, "}") && values[CACHED] + values[STORED] <= values[INPUT] &&
           values[REASONING] <= values[OUTPUT];
}

static bool read_member(struct text *text, struct text name, struct record *record) {
    if (is(name, "thread_id")) return read_word(text, &record->thread);
    if (is(name, "session_id")) return read_word(text, &record->session);
    if (is(name, "turn_id")) return read_word(text, &record->turn);
    if (is(name, "response_id")) return read_word(text, &record->response);
    if (is(name, "usage")) return read_usage(text, record);
    const char *begin = text->at;
    bool total = is(name, "thread_token_usage");
    if ((total && (begin == text->end || *begin != '{')) || !skip_value(text)) return false;
    if (total) record->total = (struct text){begin, text->at};
    return true;
}

/* From the payload's brace to the end of the line. */
bool read_record(struct text payload, struct record *record) {
    record->thread = record->session = record->turn = record->response = record->total = (struct text){0};
    record->values[INPUT] = -1;
    if (!SKIP(&payload, "{")) return false;
    do {
        struct text name;
        if (!read_word(&payload, &name) || !SKIP(&payload, ":")) return false;
        if (!read_member(&payload, name, record)) return false;
    } while (SKIP(&payload, ","));
    return SKIP(&payload, "}}") && payload.at == payload.end && record->thread.at &&
           record->session.at && record->turn.at && record->response.at < record->response.end &&
           record->values[INPUT] >= 0 && record->total.at;
}
