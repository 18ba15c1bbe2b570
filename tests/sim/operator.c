/* The operator: gives files, deploys them, and has changes of mind. What was answered with "done" must be there. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESOURCES_MAX = 256,
    NAMES = 8,   /* of resources: more files than names are versions */
    RECENT = 30, /* from which one is picked */
    DEPLOY_DEVICES_MAX = 6,
    DEVICES_FOR_ONE_UPLOAD = 8, /* one upload in a tick for so many */
};

/* A command under way; its memory ends with it. */
struct order {
    struct command cmd;
    struct sim *sim;
    struct worker *worker;
    bool *done; /* may be null */
    const char *names[DEPLOY_DEVICES_MAX];
    int resource, device; /* that it is about; -1: none */
    struct device_import imports[];
};

static struct order *order_new(struct sim *s, command_kind kind, size_t imports)
{
    struct order *o = sim_alloc(sizeof *o + imports * sizeof(struct device_import));
    o->sim = s;
    o->cmd.kind = kind;
    o->resource = o->device = -1;
    return o;
}

/* What the caller was told is so now, and not only later. */
static void check_done(const struct order *o)
{
    struct sim *s = o->sim;
    const struct store_ops *ops = s->store->ops;
    ferry_err err = FERRY_OK;
    struct deployment d;
    struct resource r;
    s->figures.acknowledged++;
    if (o->cmd.kind == CMD_DEPLOY)
        err = ops->deployment_get(s->conn, &o->cmd.deployment.id, &d);
    else if (o->cmd.kind == CMD_RESOURCE_ADD)
        err = ops->resource_get(s->conn, &o->cmd.resource.id, &r);
    if (err != FERRY_OK)
        sim_fail(s, "an operator was told that it is done, but it is not there (command %d)", (int)o->cmd.kind);
}

static void on_done(struct command *cmd, void *arg)
{
    struct order *o = arg;
    struct sim *s = o->sim;
    s->orders_open--;
    if (worker_runs(o->worker)) { /* else the answer does not reach anybody */
        sim_note(s, "command done", (uint64_t)cmd->kind, &cmd->result, sizeof cmd->result);
        if (cmd->result == FERRY_OK)
            check_done(o);
        if (o->done != NULL)
            *o->done = true;
    }
    if (cmd->result == FERRY_OK && o->device >= 0)
        s->devices[o->device].disabled = cmd->device.disabled;
    if (o->resource >= 0) {
        s->resources[o->resource].there = cmd->result == FERRY_OK;
        if (cmd->result != FERRY_OK && worker_runs(o->worker)) /* else the next start sweeps it up */
            ferry_drop(s->objects->ops->remove(s->objects, &cmd->resource.id));
    }
    free(o);
}

static bool give(struct order *o)
{
    o->worker = platform_any(o->sim);
    o->cmd.done = on_done;
    o->cmd.arg = o;
    o->sim->orders_open++;
    if (o->worker != NULL && worker_submit(o->worker, &o->cmd))
        return true;
    o->sim->orders_open--;
    if (o->resource >= 0)
        ferry_drop(o->sim->objects->ops->remove(o->sim->objects, &o->cmd.resource.id)); /* in memory: cannot fail */
    free(o);
    return false;
}

static void give_and_wait(struct order *o)
{
    struct sim *s = o->sim;
    bool done = false;
    o->done = &done;
    if (!give(o))
        sim_fail(s, "the platform cannot be set up");
    while (!done && !s->failed && sim_step(s))
        ;
}

/* --- files ---------------------------------------------------------------------------------------------- */

struct content operator_content(struct sim *s)
{
    uint32_t most = chance_once_in(&s->work, 8) ? CONTENT_MAX : 600;
    return (struct content){.number = ++s->contents, .size = 1 + chance_below(&s->work, most)};
}

int operator_resource_of(struct sim *s, const char *name, const char *md5)
{
    for (unsigned i = s->resources_count; i-- > 0;) {
        if (strcmp(s->resources[i].md5, md5) == 0 && strcmp(s->resources[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* The API writes the object first, then gives the command. */
static struct order *new_resource(struct sim *s)
{
    struct objects *objects = s->objects;
    struct object_writer *writer = NULL;
    struct sim_resource *r = &s->resources[s->resources_count];
    uint8_t chance[FERRY_ID_RANDOM_BYTES] = {0};
    uint64_t number = s->resources_count;
    memcpy(chance, &number, sizeof number);
    *r = (struct sim_resource){.content = operator_content(s)};
    struct worker *w = platform_any(s);
    if (w == NULL)
        return NULL;
    r->id = ferry_id_make(worker_now_ms(w), chance);
    (void)snprintf(r->name, sizeof r->name, "firmware%u", chance_below(&s->work, NAMES));
    content_md5(r->content, r->md5);
    if (objects->ops->write_begin(objects, &r->id, r->content.size, false, &writer) != FERRY_OK ||
        objects->ops->write(writer, content_bytes(r->content), r->content.size) != FERRY_OK ||
        objects->ops->write_finish(writer, &(struct object_expect){.size = r->content.size}, NULL) != FERRY_OK)
        abort();
    struct order *o = order_new(s, CMD_RESOURCE_ADD, 0);
    o->resource = (int)s->resources_count++;
    o->cmd.resource = (struct resource){.id = r->id, .product = "P", .size = r->content.size};
    memcpy(o->cmd.resource.name, r->name, sizeof r->name);
    memcpy(o->cmd.resource.md5, r->md5, sizeof r->md5);
    return o;
}

static void add_resource(struct sim *s)
{
    struct order *o = s->resources_count < RESOURCES_MAX ? new_resource(s) : NULL;
    if (o != NULL)
        (void)give(o);
}

/* --- deployments ---------------------------------------------------------------------------------------- */

static void deploy(struct sim *s)
{
    struct sim_resource *r = &s->resources[chance_below(&s->work, s->resources_count)];
    struct order *o = order_new(s, CMD_DEPLOY, 0);
    struct deploy_order *order = &o->cmd.deploy;
    *order = (struct deploy_order){.product = "P", .devices = o->names, .timeout_s = 4 * 3600};
    (void)snprintf(order->resource_name, sizeof order->resource_name, "%s", r->name);
    if (chance_once_in(&s->work, 2))
        order->resource = r->id;
    order->all = chance_once_in(&s->work, 12);
    order->device_count = 1 + chance_below(&s->work, DEPLOY_DEVICES_MAX);
    for (size_t i = 0; i < order->device_count; i++)
        o->names[i] = s->devices[chance_below(&s->work, s->plan.devices)].name;
    if (chance_once_in(&s->work, 3))
        order->rate_per_min = 30 + chance_below(&s->work, 600);
    order->retries = chance_below(&s->work, 3);
    if (r->there)
        (void)give(o);
    else
        free(o);
}

static void add_upload(struct sim *s)
{
    struct sim_device *d = &s->devices[chance_below(&s->work, s->plan.devices)];
    char name[SIM_NAME];
    bool again =
        d->jobs_count > 0 && chance_once_in(&s->work, 10); /* another version of a name, or the very same file */
    struct content content = operator_content(s);
    (void)snprintf(name, sizeof name, "f%u", d->jobs_count);
    if (again) {
        struct job *old = &d->jobs[chance_below(&s->work, d->jobs_count)];
        (void)snprintf(name, sizeof name, "%s", old->name);
        if (chance_once_in(&s->work, 2))
            content = old->content;
    }
    jobs_add(d, name, content);
}

void operator_work(struct sim *s)
{
    unsigned uploads = 1 + s->plan.devices / DEVICES_FOR_ONE_UPLOAD;
    for (unsigned i = 0; i < uploads; i++) {
        if (chance_once_in(&s->work, 2))
            add_upload(s);
    }
    if (chance_once_in(&s->work, 10))
        add_resource(s);
    if (chance_once_in(&s->work, 4))
        deploy(s);
}

/* --- changes of mind ------------------------------------------------------------------------------------ */

static bool pick_deployment(struct sim *s, ferry_id *ret_id)
{
    struct deployment *list = sim_alloc(RECENT * sizeof *list);
    struct store_page page = {.after = "", .limit = RECENT, .descending = true};
    size_t count = 0;
    ferry_err err = s->store->ops->deployment_list(s->conn, &(struct deployment_filter){0}, &page, list, &count);
    if (err == FERRY_OK && count > 0)
        *ret_id = list[chance_below(&s->faults, (uint32_t)count)].id;
    free(list);
    return err == FERRY_OK && count > 0;
}

static bool pick_download(struct sim *s, ferry_id *ret_id)
{
    struct download_task *list = sim_alloc(RECENT * sizeof *list);
    struct store_page page = {.after = "", .limit = RECENT, .descending = true};
    size_t count = 0;
    ferry_err err = s->store->ops->download_list(s->conn, &(struct download_filter){0}, &page, list, &count);
    if (err == FERRY_OK && count > 0)
        *ret_id = list[chance_below(&s->faults, (uint32_t)count)].id;
    free(list);
    return err == FERRY_OK && count > 0;
}

static void note_removed(struct sim *s, const struct upload_task *task)
{
    struct sim_device *d = &s->devices[strtoul(task->device.device + 1, NULL, 10)];
    for (unsigned i = 0; i < d->jobs_count; i++) {
        if (strcmp(d->jobs[i].name, task->name) == 0)
            d->jobs[i].removed = true;
    }
}

static bool pick_upload(struct sim *s, ferry_id *ret_id)
{
    struct upload_task *list = sim_alloc(RECENT * sizeof *list);
    struct store_page page = {.after = "", .limit = RECENT, .descending = true};
    size_t count = 0;
    ferry_err err = s->store->ops->upload_list(s->conn, &(struct upload_filter){0}, &page, list, &count);
    if (err == FERRY_OK && count > 0) {
        const struct upload_task *task = &list[chance_below(&s->faults, (uint32_t)count)];
        note_removed(s, task);
        *ret_id = task->id;
    }
    free(list);
    return err == FERRY_OK && count > 0;
}

static bool pick_resource(struct sim *s, ferry_id *ret_id)
{
    struct sim_resource *r = &s->resources[chance_below(&s->faults, s->resources_count)];
    bool picked = r->there;
    *ret_id = r->id;
    r->there = false;
    return picked;
}

static void change(struct sim *s, command_kind kind, bool (*pick)(struct sim *s, ferry_id *ret_id))
{
    struct order *o = order_new(s, kind, 0);
    if (pick(s, &o->cmd.id))
        (void)give(o);
    else
        free(o);
}

static void disable(struct sim *s, unsigned device, bool disabled)
{
    struct order *o = order_new(s, CMD_DEVICE_CHANGE, 0);
    o->device = (int)device;
    o->cmd.disabled_given = true;
    o->cmd.device.disabled = disabled;
    if (!device_key_make("P", s->devices[device].name, &o->cmd.device.key))
        abort();
    (void)give(o);
}

void operator_trouble(struct sim *s)
{
    static const command_kind pausing[] = {CMD_DEPLOYMENT_PAUSE, CMD_DEPLOYMENT_PAUSE, CMD_DEPLOYMENT_RESUME,
                                           CMD_DEPLOYMENT_RETRY};
    unsigned device = chance_below(&s->faults, s->plan.devices);
    if (sim_strikes(s, FAULT_PAUSE))
        change(s, pausing[chance_below(&s->faults, 4)], pick_deployment);
    if (sim_strikes(s, FAULT_PAUSE))
        change(s, CMD_DOWNLOAD_RETRY, pick_download);
    if (sim_strikes_rarely(s, FAULT_CANCEL, 2))
        change(s, CMD_DEPLOYMENT_CANCEL, pick_deployment);
    if (sim_strikes(s, FAULT_CANCEL))
        change(s, CMD_DOWNLOAD_CANCEL, pick_download);
    if (sim_strikes(s, FAULT_CANCEL))
        change(s, CMD_UPLOAD_REMOVE, pick_upload);
    if (sim_strikes_rarely(s, FAULT_CANCEL, 4))
        change(s, CMD_RESOURCE_REMOVE, pick_resource);
    if (sim_strikes(s, FAULT_CANCEL))
        disable(s, device, !s->devices[device].disabled);
}

/* --- in the end ----------------------------------------------------------------------------------------- */

static void bring_on_its_way(struct sim *s, const struct deployment *d)
{
    struct download_counts counts;
    command_kind kind = d->state == DEPLOYMENT_PAUSED ? CMD_DEPLOYMENT_RESUME : CMD_DEPLOYMENT_RETRY;
    if (d->state == DEPLOYMENT_CANCELLED || s->store->ops->deployment_counts(s->conn, &d->id, &counts) != FERRY_OK)
        return;
    bool failed =
        counts.by_state[DOWNLOAD_FAILED] + counts.by_state[DOWNLOAD_TIMED_OUT] + counts.by_state[DOWNLOAD_REJECTED] > 0;
    if (d->state != DEPLOYMENT_PAUSED && (!failed || d->sweep != SWEEP_NONE))
        return;
    struct order *o = order_new(s, kind, 0);
    o->cmd.id = d->id;
    (void)give(o);
}

static void heal_deployments(struct sim *s)
{
    struct deployment *list = sim_alloc(FERRY_PAGE_MAX * sizeof *list);
    ferry_id last = {""};
    size_t count = FERRY_PAGE_MAX;
    while (count == FERRY_PAGE_MAX) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        if (s->store->ops->deployment_list(s->conn, &(struct deployment_filter){0}, &page, list, &count) != FERRY_OK)
            break;
        for (size_t i = 0; i < count; i++)
            bring_on_its_way(s, &list[i]);
        if (count > 0)
            last = list[count - 1].id;
    }
    free(list);
}

void operator_heal(struct sim *s)
{
    for (unsigned i = 0; i < s->plan.devices; i++) {
        struct device_key key;
        struct device device;
        if (device_key_make("P", s->devices[i].name, &key) &&
            s->store->ops->device_get(s->conn, &key, &device) == FERRY_OK && device.disabled)
            disable(s, i, false);
    }
    heal_deployments(s);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void register_devices(struct sim *s, const char *product, unsigned from, unsigned count)
{
    struct order *add = order_new(s, CMD_PRODUCT_ADD, 0);
    (void)snprintf(add->cmd.product.name, sizeof add->cmd.product.name, "%s", product);
    give_and_wait(add);
    struct order *o = order_new(s, CMD_DEVICE_IMPORT, count);
    for (unsigned i = 0; i < count; i++) {
        o->imports[i].device.secret = (struct sealed){.len = 6, .bytes = "secret"};
        if (!device_key_make(product, s->devices[from + i].name, &o->imports[i].device.key))
            abort();
    }
    (void)snprintf(o->cmd.product.name, sizeof o->cmd.product.name, "%s", product);
    o->cmd.imports = o->imports;
    o->cmd.import_count = count;
    give_and_wait(o);
}

void operator_open(struct sim *s)
{
    s->resources = sim_alloc(RESOURCES_MAX * sizeof *s->resources);
    register_devices(s, "P", 0, s->plan.devices);
    register_devices(s, s->devices[s->plan.devices].product, s->plan.devices, 1);
    give_and_wait(new_resource(s));
}

void operator_close(struct sim *s)
{
    free(s->resources);
}
