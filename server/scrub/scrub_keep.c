/* The last run outlives ferryd: it is written down when it begins, while it finds something, and when it ends. */
#include "scrub_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREA "scrub"

enum { KEPT_MAX_BYTES = 4 << 20, KEPT_MODE = 0600 };

FERRY_DEFINE_CLEANUP(json_t *, json_decref)

/* --- writing ---------------------------------------------------------------------------------------------------- */

static json_t *finding_pack(const struct scrub_finding *f)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "fault", scrub_fault_word(f->fault), "id", f->key.text, "resource",
                     (int)f->is_resource, "stays", (int)f->stays, "product", f->device.product, "device", f->device.device,
                     "name", f->name);
}

/* Null: no memory. */
static json_t *view_pack(const struct scrub *s, const struct scrub_view *v)
{
    ferry_cleanup(json_decref) json_t *faults = json_object(), *findings = json_array();
    int bad = 0;
    for (size_t i = 0; i < SCRUB_FAULTS; i++)
        bad |= json_object_set_new(faults, scrub_fault_word((scrub_fault)i), json_integer((json_int_t)v->faults[i]));
    for (size_t i = 0; i < v->finding_count; i++)
        bad |= json_array_append_new(findings, finding_pack(&s->findings[i]));
    if (bad != 0)
        return NULL;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:O, s:O}", "state", scrub_state_word(v->state), "product",
                     v->order.product, "rate_bytes", (json_int_t)v->order.rate_bytes, "started_ms", (json_int_t)v->started_ms,
                     "ended_ms", (json_int_t)v->ended_ms, "objects", (json_int_t)v->objects, "bytes", (json_int_t)v->bytes,
                     "error", (int)v->err, "faults", faults, "findings", findings);
}

void scrub_keep(struct scrub *s, const struct scrub_view *view)
{
    if (s->config.path == NULL)
        return;
    ferry_cleanup(json_decref) json_t *kept = view_pack(s, view);
    ferry_autofree char *text = kept != NULL ? json_dumps(kept, JSON_COMPACT) : NULL;
    ferry_err err = text != NULL ? ferry_file_replace(s->config.path, text, strlen(text), KEPT_MODE) : FERRY_E_NOMEM;
    s->kept_ms = ferry_mono_ms();
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, AREA, "how the verification stands cannot be written to %s: %s", s->config.path,
                  ferry_err_text(err));
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static bool copy(const char *text, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%s", text);
    return len >= 0 && (size_t)len < cap;
}

static bool fault_read(const char *word, scrub_fault *ret_fault)
{
    for (size_t i = 0; i < SCRUB_FAULTS; i++) {
        if (strcmp(word, scrub_fault_word((scrub_fault)i)) != 0)
            continue;
        *ret_fault = (scrub_fault)i;
        return true;
    }
    return false;
}

/* A run that was under way when ferryd ended is one that was stopped. */
static bool state_read(const char *word, scrub_state *ret_state)
{
    for (int i = SCRUB_NEVER; i <= SCRUB_FAILED; i++) {
        if (strcmp(word, scrub_state_word((scrub_state)i)) != 0)
            continue;
        *ret_state = i == SCRUB_RUNNING ? SCRUB_STOPPED : (scrub_state)i;
        return true;
    }
    return false;
}

static bool finding_read(json_t *row, struct scrub_finding *f)
{
    const char *fault, *id, *product, *device, *name;
    int is_resource, stays;
    *f = (struct scrub_finding){.is_resource = false};
    if (json_unpack(row, "{s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "fault", &fault, "id", &id, "resource", &is_resource, "stays",
                    &stays, "product", &product, "device", &device, "name", &name) != 0)
        return false;
    f->is_resource = is_resource != 0;
    f->stays = stays != 0;
    return fault_read(fault, &f->fault) && ferry_id_parse(id, strlen(id), &f->key) &&
           copy(product, f->device.product, sizeof f->device.product) &&
           copy(device, f->device.device, sizeof f->device.device) && copy(name, f->name, sizeof f->name);
}

static bool lists_read(struct scrub *s, json_t *faults, json_t *findings, struct scrub_view *v)
{
    for (size_t i = 0; i < SCRUB_FAULTS; i++)
        v->faults[i] = (uint64_t)json_integer_value(json_object_get(faults, scrub_fault_word((scrub_fault)i)));
    v->finding_count = json_array_size(findings);
    if (v->finding_count > SCRUB_FINDINGS_MAX)
        return false;
    for (size_t i = 0; i < v->finding_count; i++)
        if (!finding_read(json_array_get(findings, i), &s->findings[i]))
            return false;
    return true;
}

static bool view_read(struct scrub *s, json_t *kept, struct scrub_view *v)
{
    const char *state, *product;
    int error;
    json_int_t rate, started, ended, objects, bytes;
    json_t *faults, *findings;
    if (json_unpack(kept, "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:o}", "state", &state, "product", &product,
                    "rate_bytes", &rate, "started_ms", &started, "ended_ms", &ended, "objects", &objects, "bytes", &bytes,
                    "error", &error, "faults", &faults, "findings", &findings) != 0)
        return false;
    *v = (struct scrub_view){.order.rate_bytes = (uint64_t)rate, .started_ms = (uint64_t)started, .ended_ms = (uint64_t)ended,
                             .objects = (uint64_t)objects, .bytes = (uint64_t)bytes, .err = (ferry_err)error};
    return state_read(state, &v->state) && copy(product, v->order.product, sizeof v->order.product) &&
           lists_read(s, faults, findings, v);
}

void scrub_recall(struct scrub *s)
{
    ferry_autobuf text = FERRY_BUF_INIT(KEPT_MAX_BYTES);
    struct scrub_view view;
    ferry_err err = s->config.path != NULL ? ferry_file_read(s->config.path, &text) : FERRY_E_NOT_FOUND;
    if (err == FERRY_E_NOT_FOUND)
        return;
    ferry_cleanup(json_decref) json_t *kept = err == FERRY_OK ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (kept != NULL && view_read(s, kept, &view))
        s->view = view;
    else
        ferry_log(FERRY_LOG_WARN, AREA, "how the last verification ended cannot be read from %s: %s", s->config.path,
                  ferry_err_text(err == FERRY_OK ? FERRY_E_FORMAT : err));
}
