/* ferryctl audit ... */
#include "ferryctl_commands.h"

#include "base/encode.h"
#include "base/system.h"
#include "ferryctl_chain.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(FILE *, fclose)

enum { ANCHOR_MAX = 256 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum ctl_exit ctl_audit_list(struct ctl *ctl)
{
    static const struct ctl_field fields[] = {
        {"NO", "seq", CTL_KIND_NUMBER},     {"TIME (UTC)", "time", CTL_KIND_TIME}, {"WHO", "actor", CTL_KIND_TEXT},
        {"FROM", "from", CTL_KIND_TEXT},    {"ACTION", "action", CTL_KIND_TEXT},   {"WHAT", "object", CTL_KIND_TEXT},
        {"CHANGE", NULL, CTL_KIND_CHANGE},
    };
    const struct ctl_options *options = ctl->options;
    char *path = ctl_path("/api/v1/audit");

    if (options->product_count > 1) {
        free(path);
        return ctl_fail(CTL_USAGE, "the log can be shown for one product or for all");
    }
    ctl_query(&path, "product", options->product_count > 0 ? options->products[0] : NULL);
    ctl_query(&path, "actor", options->actor);
    ctl_query(&path, "object", options->object);
    ctl_query(&path, "action", options->action);
    ctl_query(&path, "since", options->since);
    ctl_query(&path, "sort", options->sort);
    return ctl_print_list(&ctl->api, path, options, fields, COUNT(fields), "no records");
}

/* --- verify ------------------------------------------------------------------------------------------------- */

static enum ctl_exit on_record(void *arg, json_t *record)
{
    struct ctl_chain *chain = arg;

    return ctl_chain_add(chain, record) ? CTL_DONE : CTL_FAILED;
}

/* The records that the platform shows, and where it says that they end. The end is asked for first: what is written
 * meanwhile comes behind it. */
static enum ctl_exit verify_platform(struct ctl *ctl, struct ctl_chain *chain)
{
    ctl_autojson *answer = NULL;
    struct ctl_anchor head = {.seq = 0};
    enum ctl_exit status = ctl_api_call(&ctl->api, "GET", "/api/v1/audit/head", NULL, &answer);
    const char *hash = json_string_value(json_object_get(answer, "hash"));

    if (status != CTL_DONE)
        return status;
    head.seq = (uint64_t)json_integer_value(json_object_get(answer, "seq"));
    if (hash == NULL || ferry_hex_decode(hash, strlen(hash), head.hash, sizeof head.hash) != FERRY_OK)
        return ctl_fail(CTL_NETWORK, "the platform did not say where its log ends");
    status = ctl_api_each(&ctl->api, "/api/v1/audit?sort=seq", 0, on_record, NULL, chain);
    if (status == CTL_DONE && !ctl_chain_end(chain, &head))
        status = CTL_FAILED;
    return status;
}

/* What `ferryctl --json audit list` printed at some time, in either order. */
static enum ctl_exit verify_file(const char *file, struct ctl_chain *chain)
{
    ferry_cleanup(fclose) FILE *own = strcmp(file, "-") == 0 ? NULL : fopen(file, "re");
    FILE *in = own != NULL ? own : stdin;
    ctl_autojson *records = ctl_check(json_array());
    json_error_t error;

    if (own == NULL && strcmp(file, "-") != 0)
        return ctl_fail(CTL_FAILED, "cannot open %s: %s", file, strerror(errno));
    for (json_t *record; (record = json_loadf(in, JSON_DISABLE_EOF_CHECK, &error)) != NULL;) {
        if (json_array_append_new(records, record) != 0)
            (void)ctl_check(NULL);
    }
    if (json_error_code(&error) != json_error_premature_end_of_input && !feof(in))
        return ctl_fail(CTL_FAILED, "%s is no output of ferryctl --json audit list", file);
    size_t count = json_array_size(records);
    bool newest_first = count > 1 && json_integer_value(json_object_get(json_array_get(records, 0), "seq")) >
                                         json_integer_value(json_object_get(json_array_get(records, count - 1), "seq"));
    for (size_t i = 0; i < count; i++) {
        if (!ctl_chain_add(chain, json_array_get(records, newest_first ? count - 1 - i : i)))
            return CTL_FAILED;
    }
    return ctl_chain_end(chain, NULL) ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit read_anchor(const char *file, struct ctl_anchor *ret_anchor)
{
    ferry_autobuf text = FERRY_BUF_INIT(ANCHOR_MAX);
    ferry_err err = ferry_file_read(file, &text);

    *ret_anchor = (struct ctl_anchor){.seq = 0};
    if (err == FERRY_E_NOT_FOUND) /* the first time */
        return CTL_DONE;
    if (err != FERRY_OK)
        return ctl_fail(CTL_FAILED, "cannot read the anchor %s: %s", file, ferry_err_text(err));
    if (text.data == NULL || !ctl_anchor_parse(text.data, ret_anchor))
        return ctl_fail(CTL_FAILED, "%s is no anchor: it holds a number and a hash", file);
    return CTL_DONE;
}

static enum ctl_exit write_anchor(const char *file, const struct ctl_anchor *anchor, const char *hash)
{
    char line[ANCHOR_MAX];
    int len = snprintf(line, sizeof line, "%llu %s\n", (unsigned long long)anchor->seq, hash);
    ferry_err err = ferry_file_replace(file, line, (size_t)len, 0600);

    return err == FERRY_OK ? CTL_DONE
                           : ctl_fail(CTL_FAILED, "cannot write the anchor %s: %s", file, ferry_err_text(err));
}

static enum ctl_exit report(struct ctl *ctl, const struct ctl_chain *chain)
{
    char hash[2 * FERRY_CHAIN_BYTES + 1];

    ferry_hex_encode(chain->last.hash, sizeof chain->last.hash, hash);
    if (ctl->options->anchor != NULL) {
        enum ctl_exit status = write_anchor(ctl->options->anchor, &chain->last, hash);
        if (status != CTL_DONE)
            return status;
    }
    if (ctl->options->json) {
        ctl_autojson *result =
            ctl_check(json_pack("{s:b, s:I, s:I, s:I, s:s}", "intact", 1, "records", (json_int_t)chain->records,
                                "removed", (json_int_t)chain->begin.seq, "seq", (json_int_t)chain->last.seq, "hash", hash));
        ctl_print_json(result);
        return CTL_DONE;
    }
    (void)printf("%llu records, none changed or missing", (unsigned long long)chain->records);
    if (chain->begin.seq > 0)
        (void)printf("; %llu older ones were removed after their retention", (unsigned long long)chain->begin.seq);
    (void)printf("\nlast: %llu %s\n", (unsigned long long)chain->last.seq, hash);
    return CTL_DONE;
}

enum ctl_exit ctl_audit_verify(struct ctl *ctl)
{
    struct ctl_anchor wanted = {.seq = 0};
    struct ctl_chain chain;
    enum ctl_exit status =
        ctl->options->anchor != NULL ? read_anchor(ctl->options->anchor, &wanted) : CTL_DONE;

    if (status != CTL_DONE)
        return status;
    ctl_chain_begin(&chain, &wanted);
    status = ctl->word_count > 0 ? verify_file(ctl->words[0], &chain) : verify_platform(ctl, &chain);
    if (chain.bad_seq != 0)
        return ctl_fail(CTL_FAILED, "the audit log is not intact: %s", chain.problem);
    return status == CTL_DONE ? report(ctl, &chain) : status;
}
