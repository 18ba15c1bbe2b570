/*
 * What the broker's plugin says of connected devices, and what the platform answers: any bytes are refused or understood,
 * what is understood means the same when it is written again, and every step takes something off the text.
 */
#include "api/presence.h"
#include "fuzz.h"

#include <string.h>

#define NUMBER_LIMIT UINT64_C(1000000000000000000)

static void check_head(const struct presence_head *head)
{
    ferry_autobuf written = FERRY_BUF_INIT(PRESENCE_LINE_MAX);
    struct presence_head again;

    FUZZ_CHECK(head->seq < NUMBER_LIMIT && head->part < NUMBER_LIMIT);
    FUZZ_CHECK(presence_write_head(&written, head) == FERRY_OK);
    ferry_text text = {written.data, written.len};
    FUZZ_CHECK(presence_read_head(&text, &again) && text.len == 0);
    FUZZ_CHECK(again.kind == head->kind && again.seq == head->seq && again.part == head->part && again.end == head->end);
}

static void check_line(const struct presence_line *line)
{
    ferry_autobuf written = FERRY_BUF_INIT(PRESENCE_LINE_MAX);
    struct presence_line again;
    const char *slash = strchr(line->name, '/');

    FUZZ_CHECK(line->since_ms < NUMBER_LIMIT && slash != NULL);
    FUZZ_CHECK(ferry_ident_valid((ferry_text){line->name, (size_t)(slash - line->name)}));
    FUZZ_CHECK(ferry_ident_valid(ferry_text_of(slash + 1)));
    FUZZ_CHECK(presence_write_line(&written, line->online, line->since_ms, line->name) == FERRY_OK);
    ferry_text text = {written.data, written.len};
    FUZZ_CHECK(presence_read_line(&text, &again) && text.len == 0);
    FUZZ_CHECK(again.online == line->online && again.since_ms == line->since_ms && strcmp(again.name, line->name) == 0);
}

static void check_report(ferry_text text)
{
    struct presence_head head;
    struct presence_line line;

    if (!presence_read_head(&text, &head))
        return;
    check_head(&head);
    for (size_t left = text.len; left > 0; left = text.len) {
        if (!presence_read_line(&text, &line))
            return;
        FUZZ_CHECK(text.len < left);
        check_line(&line);
    }
}

static void check_ask(ferry_text text)
{
    char written[PRESENCE_ASK_SIZE];
    uint64_t seq = 0, again = 0;

    if (!presence_read_ask(text, &seq))
        return;
    presence_write_ask(seq, written);
    FUZZ_CHECK(presence_read_ask(ferry_text_of(written), &again) && again == seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ferry_text text = {(const char *)data, size};

    check_report(text);
    check_ask(text);
    return 0;
}
