/**
 * @file share.h
 * @brief The slots of struct store_ops for many processes: claims, duties, the rehearsal, news.
 */
#ifndef STORE_POSTGRES_SHARE_H
#define STORE_POSTGRES_SHARE_H

#include "api/store.h"

ferry_err pgs_claim(struct store_conn *c, const struct store_scope *scope);
ferry_err pgs_take_duty(struct store_conn *c, store_duty duty, bool *ret_mine);
ferry_err pgs_rehearse(struct store_conn *c, bool *ret_again);
ferry_err pgs_processes(struct store_conn *c, unsigned *ret_count);
ferry_err pgs_tell(struct store_conn *c, uint32_t news);
ferry_err pgs_listen(struct store *s, const struct store_listener *listener);

#endif
