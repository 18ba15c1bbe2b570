#include "many_fixture.h"

#include "api/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct many many; /* the slots get a connection, and no argument of ours */
static const struct store_ops *real;

static ferry_err claim(struct store_conn *c, const struct store_scope *scope)
{
    (void)c;
    many.rehearsing = false;
    many.claimed = true;
    if (many.undo > 0) {
        many.undo--;
        return FERRY_E_AGAIN;
    }
    if (scope->everything) {
        many.claims_of_everything++;
        return FERRY_OK;
    }
    for (size_t i = 1; i < scope->device_count; i++)
        assert_true(device_key_compare(&scope->devices[i - 1], &scope->devices[i]) < 0);
    many.claims_of_devices++;
    many.devices = scope->device_count;
    return FERRY_OK;
}

static ferry_err commit(struct store_conn *c)
{
    bool undo = many.claimed && !many.undone;
    many.claimed = false;
    many.undone = undo;
    if (!undo)
        return real->commit(c);
    real->rollback(c);
    return FERRY_E_AGAIN;
}

static ferry_err take_duty(struct store_conn *c, store_duty duty, bool *ret_mine)
{
    (void)c;
    *ret_mine = duty != STORE_DUTY_TIMERS || !many.timers_elsewhere;
    return FERRY_OK;
}

static ferry_err rehearse(struct store_conn *c, bool *ret_again)
{
    (void)c;
    many.rehearsing = !many.rehearsing;
    many.rehearsals += many.rehearsing;
    *ret_again = many.rehearsing;
    return FERRY_OK;
}

static ferry_err processes(struct store_conn *c, unsigned *ret_count)
{
    (void)c;
    *ret_count = many.processes > 0 ? many.processes : 1;
    return FERRY_OK;
}

static ferry_err tell(struct store_conn *c, uint32_t news)
{
    (void)c;
    many.told |= news;
    return FERRY_OK;
}

static ferry_err listen(struct store *s, const struct store_listener *listener)
{
    (void)s;
    if (listener != NULL && many.listener.heard != NULL)
        return FERRY_E_STATE;
    many.listener = listener != NULL ? *listener : (struct store_listener){.heard = NULL};
    return FERRY_OK;
}

void many_install(struct store_ops *ops, const struct store_ops *real_ops)
{
    many = (struct many){.undo = 0};
    real = real_ops;
    ops->commit = commit;
    ops->claim = claim;
    ops->take_duty = take_duty;
    ops->rehearse = rehearse;
    ops->processes = processes;
    ops->tell = tell;
    ops->listen = listen;
}

struct many *many_state(void)
{
    return &many;
}
