/* The little of JSON that a record is made of. What is not so is left to the host: a false answer
 * means "not as Codex writes it", never "wrong". */
#include "rollouts.h"

#include <string.h>

bool skip(struct text *text, const char *literal, size_t size) {
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, literal, size)) return false;
    text->at += size;
    return true;
}

/* A string of plain ASCII, in which nothing is escaped. */
bool read_word(struct text *text, struct text *found) {
    if (!SKIP(text, "\"")) return false;
    const char *at = text->at;
    while (at < text->end && *at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\') at++;
    if (at == text->end || *at != '"' || at - text->at > LONGEST_WORD) return false;
    *found = (struct text){text->at, at};
    text->at = at + 1;
    return true;
}

/* A whole number that is not negative, as JSON writes it, of at most 15 digits. */
bool read_number(struct text *text, int64_t *found) {
    const char *begin = text->at;
    int64_t value = 0;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && text->at - begin < 15)
        value = value * 10 + (*text->at++ - '0');
    if (text->at == begin || (*begin == '0' && text->at - begin > 1)) return false;
    *found = value;
    return text->at < text->end && (*text->at == ',' || *text->at == '}');
}

/* An object whose values are numbers. */
static bool skip_numbers(struct text *text) {
    struct text name;
    int64_t value;
    if (!SKIP(text, "{")) return false;
    do {
        if (!read_word(text, &name) || !SKIP(text, ":") || !read_number(text, &value)) return false;
    } while (SKIP(text, ","));
    return SKIP(text, "}");
}

bool skip_value(struct text *text) {
    struct text word;
    int64_t value;
    if (text->at == text->end) return false;
    if (*text->at == '"') return read_word(text, &word);
    if (*text->at == '{') return skip_numbers(text);
    return SKIP(text, "null") || SKIP(text, "true") || SKIP(text, "false") || read_number(text, &value);
}
