/* What a line is: a call, something that the host has to read, or, mostly, neither. */
#include "rollouts.h"

#include <string.h>

static const char *const WANTED[] = {"\"token_usage_record\"", "\"turn_context\"", "\"session_meta\"",
                                     "\"token_count\"", "\"thread_settings_applied\""};

/* All types of records that there are, the most frequent first; codex.py has the same. */
static const char *const KNOWN[] = {
    "response_item\"",
    "event_msg\"",
    "token_usage_record\"",
    "turn_context\"",
    "world_state\"",
    "session_meta\"",
    "compacted\"",
    "dynamic_tools_updated\"",
    "security_risk_score\"",
    "inter_agent_communication\"",
    "inter_agent_communication_metadata\"",
    "realtime_item\"",
};

static bool is_known(struct text type) {
    for (size_t each = 0; each < sizeof KNOWN / sizeof *KNOWN; each++)
        if (skip(&type, KNOWN[each], strlen(KNOWN[each]))) return true;
    return false;
}

/* Codex begins each line so, and then says what it is. */
static bool read_beginning(struct text *line, struct text *time) {
    if (!SKIP(line, "{\"timestamp\":\"")) return false;
    const char *quote = memchr(line->at, '"', (size_t)(line->end - line->at));
    if (!quote) return false;
    *time = (struct text){line->at, quote};
    line->at = quote + 1;
    if (!SKIP(line, ",")) return false;
    if (SKIP(line, "\"ordinal\":")) {
        const char *begin = line->at;
        while (line->at < line->end && *line->at >= '0' && *line->at <= '9') line->at++;
        if (line->at == begin || !SKIP(line, ",")) return false;
    }
    return SKIP(line, "\"type\":\"");
}

static bool may_count(struct text line) {
    for (size_t each = 0; each < sizeof WANTED / sizeof *WANTED; each++)
        if (memmem(line.at, (size_t)(line.end - line.at), WANTED[each], strlen(WANTED[each]))) return true;
    return false;
}

/* Codex repeats the total when a turn begins or ends; what the last record told needs no reading. */
static bool is_told(struct text rest) {
    struct text total = latest_total();
    if (total.at == total.end) return false;
    return SKIP(&rest, ",\"info\":{\"total_token_usage\":") &&
           skip(&rest, total.at, (size_t)(total.end - total.at));
}

static void hand_over(struct text line, struct place begin, struct place end) {
    struct frame frame = {begin, end, LINE, calls_kept(), (uint64_t)(line.end - line.at)};
    put(&frame, sizeof frame);
    put(line.at, (size_t)(line.end - line.at));
}

/* A line that may be a call of its own comes after those that were kept. */
static void hand_over_in_order(struct text line, struct place begin, struct place end) {
    hand_over_calls(begin);
    hand_over(line, begin, end);
    forget_total();
}

static bool is_call(struct text rest, struct text time, struct place begin, struct place end) {
    struct record record;
    if (!SKIP(&rest, "token_usage_record\",\"payload\":") || !read_record(rest, &record)) return false;
    if (!read_time(time, &record.values[AT])) return false;
    record.values[NUMBER] = (int64_t)end.line;
    record.values[OFFSET] = (int64_t)begin.offset;
    return add_call(&record);
}

static void take_object(struct text line, struct place begin, struct place end) {
    struct text rest = line, time;
    if (!read_beginning(&rest, &time)) {
        if (may_count(line)) hand_over_in_order(line, begin, end);
        return;
    }
    if (!is_known(rest)) return hand_over(line, begin, end);
    struct text event = rest;
    if (is_call(rest, time, begin, end)) {
        if (calls_kept() == MOST_CALLS) hand_over_calls(end);
        return;
    }
    if (SKIP(&rest, "turn_context\"")) return hand_over(line, begin, end);
    if (SKIP(&rest, "token_usage_record\"") || SKIP(&rest, "session_meta\""))
        return hand_over_in_order(line, begin, end);
    if (!SKIP(&event, "event_msg\",\"payload\":{\"type\":\"")) return;
    if (SKIP(&event, "thread_settings_applied\"")) return hand_over(line, begin, end);
    if (SKIP(&event, "token_count\"") && !is_told(event)) hand_over_in_order(line, begin, end);
}

static bool is_space(char found) {
    return found == ' ' || (found >= '\t' && found <= '\r');
}

void take_line(struct text line, struct place begin, struct place end) {
    while (line.at < line.end && is_space(*line.at)) line.at++;
    while (line.at < line.end && is_space(line.end[-1])) line.end--;
    if (line.at == line.end) return;
    if (*line.at == '{' && line.end[-1] == '}' && line.end - line.at > 1)
        return take_object(line, begin, end);
    hand_over_in_order((struct text){line.at, line.at}, begin, end);
}
