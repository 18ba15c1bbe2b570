/*
 * One device's messages in order on one worker, and the same ones out of order, doubled, over two workers: the tasks end in the same
 * state. A script is drawn from a seed. What may change places is what MQTT lets change places: a report of progress, which no
 * device waits for, may come any time later; what a device has an answer to was there before it says the next thing, but
 * may come once more.
 */
#include "sim.h"

#include "base/log.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    SCRIPTS = 100,
    TRANSFERS = 5, /* of one script */
    WORDS_MAX = 64,
    REACH = 6,     /* by how many places a message may come later */
    PAUSE_MS = 40, /* between two messages of a device */
    DAY_MS = 24 * 3600 * 1000,
};

typedef enum { WORD_MESSAGE, WORD_BYTES, WORD_DEPLOY } word_kind;

struct word {
    word_kind kind;
    bool waited_for; /* the device says nothing more before it has the answer */
    bool next_try;   /* the platform tries it again: not before a minute is over */
    struct content content;
    char text[300]; /* of a message; else a name */
};

struct script {
    struct word words[WORDS_MAX];
    unsigned count;
};

/* --- what a device says --------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void say(struct script *k, word_kind kind, bool waited_for,
                                                      const char *format, ...)
{
    struct word *w = &k->words[k->count++];
    va_list args;
    assert_true(k->count <= WORDS_MAX);
    *w = (struct word){.kind = kind, .waited_for = waited_for};
    va_start(args, format);
    (void)vsnprintf(w->text, sizeof w->text, format, args);
    va_end(args);
}

static void report(struct script *k, const char *direction, const char *name, const char *md5, const char *state,
                   int percent, int code)
{
    say(k, WORD_MESSAGE, strlen(state) <= 4,
        "{\"type\":\"report_%s_progress\",\"name\":\"%s\",\"progress\":{\"state\":\"%s\",\"percent\":%d,\"result_"
        "code\":%d,"
        "\"result_msg\":\"\"},\"md5sum\":\"%s\"}",
        direction, name, state, percent, code, md5);
}

static void progress(struct script *k, struct chance *c, const char *direction, const char *name, const char *md5,
                     const char *state)
{
    for (unsigned i = chance_below(c, 4); i-- > 0;)
        report(k, direction, name, md5, state, (int)chance_below(c, 100), 0);
}

static void upload(struct script *k, struct chance *c, unsigned no)
{
    struct content content = {.number = 100 + no, .size = 10 + no};
    char name[SIM_NAME], md5[FERRY_MD5_HEX + 1];
    (void)snprintf(name, sizeof name, "u%u", no);
    content_md5(content, md5);
    say(k, WORD_MESSAGE, true, "{\"type\":\"create_upload_task\",\"size\":%u,\"name\":\"%s\",\"md5sum\":\"%s\"}",
        content.size, name, md5);
    progress(k, c, "upload", name, md5, "uploading");
    if (chance_once_in(c, 3)) {
        report(k, "upload", name, md5, "fail", 0, -1);
        return;
    }
    say(k, WORD_BYTES, true, "%s", name);
    k->words[k->count - 1].content = content;
    progress(k, c, "upload", name, md5, "uploading");
    report(k, "upload", name, md5, "done", 100, 0);
}

static void download(struct script *k, struct chance *c, unsigned no)
{
    struct content content = {.number = 200 + no, .size = 20 + no};
    char name[SIM_NAME], md5[FERRY_MD5_HEX + 1];
    (void)snprintf(name, sizeof name, "d%u", no);
    content_md5(content, md5);
    say(k, WORD_DEPLOY, true, "%s", name);
    k->words[k->count - 1].content = content;
    bool fails = chance_once_in(c, 2); /* then there is one more try, by itself; or the device is not heard of again */
    unsigned most = fails && chance_once_in(c, 2) ? 2 : 1;
    for (unsigned tries = 0; tries < most; tries++) {
        say(k, WORD_MESSAGE, true, "{\"type\":\"get_download_task\"}");
        k->words[k->count - 1].next_try = tries > 0;
        progress(k, c, "download", name, md5, "downloading");
        if (fails && tries == 0)
            report(k, "download", name, md5, "fail", 0, chance_once_in(c, 2) ? -1 : -4);
        else
            report(k, "download", name, md5, "done", 100, 0);
    }
}

static struct script draw_script(struct chance *c)
{
    struct script k = {.count = 0};
    for (unsigned i = 0; i < TRANSFERS; i++) {
        if (chance_once_in(c, 2))
            upload(&k, c, i);
        else
            download(&k, c, i);
    }
    return k;
}

/* --- another order -------------------------------------------------------------------------------------- */

/* Where a word of the script comes: at its place, or later; or once more. */
struct place {
    uint32_t at, tie;
    const struct word *word;
};

static int earlier(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : (x->tie > y->tie) - (x->tie < y->tie);
}

/* By so many places word i may come later: not into the next try of a task, which a minute parts from this one. */
static uint32_t reach(const struct script *k, unsigned i)
{
    uint32_t most = 1;
    while (most < REACH && i + most < k->count && !k->words[i + most].next_try)
        most++;
    return most;
}

static size_t shuffle(const struct script *k, struct chance *c, struct place places[2 * WORDS_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < k->count; i++) {
        const struct word *w = &k->words[i];
        uint32_t late = w->waited_for ? 0 : chance_below(c, reach(k, i));
        places[count] = (struct place){.at = i + late, .tie = (uint32_t)count, .word = w};
        count++;
        if (w->kind != WORD_MESSAGE || !w->waited_for || !chance_once_in(c, 3))
            continue;
        places[count] =
            (struct place){.at = i + chance_below(c, reach(k, i)), .tie = WORDS_MAX + (uint32_t)count, .word = w};
        count++;
    }
    qsort(places, count, sizeof *places, earlier);
    return count;
}

/* --- the platform --------------------------------------------------------------------------------------- */

static void let_time_pass(struct sim *s, uint64_t ms)
{
    uint64_t until_ms = s->now_ms + ms;
    while (s->now_ms < until_ms && s->schedule.count > 0 && s->schedule.heap[0].at_ms <= until_ms)
        assert_true(sim_step(s));
    s->now_ms = until_ms;
}

static void note_done(struct command *cmd, void *arg)
{
    (void)cmd;
    *(bool *)arg = true;
}

static void command(struct sim *s, struct chance *c, struct command *cmd)
{
    bool done = false;
    cmd->done = note_done;
    cmd->arg = &done;
    assert_true(worker_submit(&s->workers[chance_below(c, s->plan.workers)], cmd));
    while (!done)
        assert_true(sim_step(s));
    assert_int_equal(cmd->result, FERRY_OK);
}

static void put(struct sim *s, const ferry_id *key, struct content content)
{
    struct objects *o = s->objects;
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = content.size};
    assert_int_equal(o->ops->write_begin(o, key, content.size, false, &writer), FERRY_OK);
    assert_int_equal(o->ops->write(writer, content_bytes(content), content.size), FERRY_OK);
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_OK);
}

/* The object plane has the whole object of the newest task of that name. */
static void bytes_arrive(struct sim *s, struct chance *c, const struct word *w)
{
    struct device_key key;
    struct upload_task task;
    size_t count = 0;
    assert_true(device_key_make("P", "D0", &key));
    assert_int_equal(s->store->ops->upload_named(s->conn, &key, w->text, &task, 1, &count), FERRY_OK);
    assert_int_equal(count, 1);
    put(s, &task.id, w->content);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id, .device = {.key = key}};
    command(s, c, &stored);
}

static void deploy(struct sim *s, struct chance *c, const struct word *w)
{
    static const char *const device = "D0";
    uint8_t random[FERRY_ID_RANDOM_BYTES] = {(uint8_t)w->content.number};
    struct command add = {.kind = CMD_RESOURCE_ADD, .resource = {.product = "P", .size = w->content.size}};
    add.resource.id = ferry_id_make(worker_now_ms(&s->workers[0]), random);
    (void)snprintf(add.resource.name, sizeof add.resource.name, "%.31s", w->text);
    content_md5(w->content, add.resource.md5);
    put(s, &add.resource.id, w->content);
    command(s, c, &add);
    struct command order = {
        .kind = CMD_DEPLOY,
        .deploy = {.product = "P", .devices = &device, .device_count = 1, .timeout_s = DAY_MS / 1000, .retries = 1}};
    (void)snprintf(order.deploy.resource_name, sizeof order.deploy.resource_name, "%.31s", w->text);
    command(s, c, &order);
}

static void utter(struct sim *s, struct chance *c, const struct word *w, bool shuffled)
{
    if (w->next_try)
        let_time_pass(s, 61 * 1000);
    if (w->kind == WORD_BYTES)
        bytes_arrive(s, c, w);
    else if (w->kind == WORD_DEPLOY)
        deploy(s, c, w);
    else
        worker_message(&s->workers[chance_below(c, s->plan.workers)], 0, w->text, strlen(w->text));
    /* what the device does not wait for, two workers may have at one time */
    let_time_pass(s, !shuffled || w->waited_for ? PAUSE_MS : chance_below(c, 2));
}

/* --- how it ends ---------------------------------------------------------------------------------------- */

struct ends {
    char lines[2 * WORDS_MAX][64];
    unsigned count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A set: a late double of a request may open another task of that file, which nobody uses. It ends as the first one, or by itself. */
static void add_end(struct ends *e, const char *name, const char *state, int code)
{
    char line[sizeof e->lines[0]];
    (void)snprintf(line, sizeof line, "%.20s %s %d\n", name, state, code);
    for (unsigned i = 0; i < e->count; i++) {
        if (strcmp(e->lines[i], line) == 0)
            return;
    }
    memcpy(e->lines[e->count++], line, sizeof line);
}

static void write_ends(struct ends *e, char *out, size_t cap)
{
    size_t len = 0;
    qsort(e->lines, e->count, sizeof e->lines[0], by_text);
    *out = '\0';
    for (unsigned i = 0; i < e->count; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s", e->lines[i]);
}

static void read_ends(struct sim *s, char *out, size_t cap)
{
    struct store_page page = {.after = "", .limit = FERRY_PAGE_MAX};
    struct upload_task *ups = sim_alloc(FERRY_PAGE_MAX * sizeof *ups);
    struct download_task *downs = sim_alloc(FERRY_PAGE_MAX * sizeof *downs);
    struct ends ends = {.count = 0};
    size_t count = 0;
    assert_int_equal(s->store->ops->upload_list(s->conn, &(struct upload_filter){0}, &page, ups, &count), FERRY_OK);
    for (size_t i = 0; i < count; i++) {
        if (ups[i].state == UPLOAD_EXPIRED)
            assert_int_equal(ups[i].stored_ms, 0);
        else
            add_end(&ends, ups[i].name, upload_state_name(ups[i].state), ups[i].result_code);
    }
    assert_int_equal(s->store->ops->download_list(s->conn, &(struct download_filter){0}, &page, downs, &count),
                     FERRY_OK);
    for (size_t i = 0; i < count; i++)
        add_end(&ends, downs[i].name,
                download_state_open(downs[i].state) ? "open" : download_state_name(downs[i].state),
                downs[i].result_code);
    write_ends(&ends, out, cap);
    free(ups);
    free(downs);
}

static void run_script(const struct script *k, uint64_t seed, bool shuffled, char *out, size_t cap)
{
    struct sim_plan plan = {.seed = seed, .devices = 1, .workers = shuffled ? 2 : 1, .steps = 1, .one_in = 1};
    struct chance c = chance_stream(seed, shuffled);
    struct place places[2 * WORDS_MAX];
    struct sim *s = sim_platform_new(&plan);
    size_t count = 0;
    for (; !shuffled && count < k->count; count++)
        places[count].word = &k->words[count];
    if (shuffled)
        count = shuffle(k, &c, places);
    for (size_t i = 0; i < count; i++)
        utter(s, &c, places[i].word, shuffled);
    let_time_pass(s, 20 * 60 * 1000); /* what nobody uses has ended by then */
    read_ends(s, out, cap);
    assert_false(s->failed);
    sim_platform_free(s);
}

static void order_and_workers_do_not_change_how_tasks_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCRIPTS; seed++) {
        char in_order[1024], shuffled[1024];
        struct chance c = chance_stream(seed, 7);
        struct script k = draw_script(&c);
        run_script(&k, seed, false, in_order, sizeof in_order);
        run_script(&k, seed, true, shuffled, sizeof shuffled);
        if (strcmp(in_order, shuffled) != 0)
            fail_msg("seed %" PRIu64 "\nin order on one worker:\n%sout of order on two:\n%s", seed, in_order, shuffled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_workers_do_not_change_how_tasks_end)};
    ferry_log_set_level(FERRY_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
