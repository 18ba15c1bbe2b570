#include "object_refusal.h"

#define XML(code, message) \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" code "</Code><Message>" message "</Message></Error>\n"

static const struct object_refusal_text texts[] = {{0, "", 0, false},
#define X(name, status, code, message) \
    {status, XML(code, message), sizeof XML(code, message) - 1, (status) == 503 || (status) == 507 || (status) == 423},
                                                   OBJECT_REFUSAL_LIST(X)
#undef X
};

const struct object_refusal_text *object_refusal_text(object_refusal refusal)
{
    return &texts[refusal];
}

object_refusal object_refusal_of_upload(ferry_err err)
{
    switch (err) {
    case FERRY_OK:
        return REFUSED_NOT;
    case FERRY_E_DIGEST:
        return REFUSED_MD5;
    case FERRY_E_SIZE:
        return REFUSED_LENGTH;
    case FERRY_E_NOT_FOUND:
    case FERRY_E_STATE:
        return REFUSED_CANCELLED;
    case FERRY_E_FULL:
        return REFUSED_FULL;
    case FERRY_E_BUSY:
    case FERRY_E_AGAIN:
        return REFUSED_BUSY;
    case FERRY_E_QUOTA:
        return REFUSED_QUOTA;
    case FERRY_E_NOMEM:
    case FERRY_E_ARG:
    case FERRY_E_IO:
    case FERRY_E_EXISTS:
    case FERRY_E_LIMIT:
    case FERRY_E_FORMAT:
    case FERRY_E_DENIED:
    case FERRY_E_EXPIRED:
    case FERRY_E_READONLY:
    case FERRY_E_CORRUPT:
    case FERRY_E_CLOSED:
    case FERRY_E_TIMEOUT:
    case FERRY_E_NETWORK:
    case FERRY_E_UNSUPPORTED:
    case FERRY_E_VERSION:
    case FERRY_E_STALE:
        return REFUSED_UNAVAILABLE;
    }
    return REFUSED_UNAVAILABLE;
}

object_refusal object_refusal_of_download(ferry_err err)
{
    if (err == FERRY_OK)
        return REFUSED_NOT;
    if (err == FERRY_E_NOT_FOUND)
        return REFUSED_GONE;
    return err == FERRY_E_CORRUPT ? REFUSED_DAMAGED : REFUSED_UNAVAILABLE;
}

object_refusal object_refusal_for_vendor_get(object_refusal refusal)
{
    unsigned status = texts[refusal].status;
    return refusal == REFUSED_NOT || status == 403 || status == 404 ? refusal : REFUSED_NOT_NOW;
}
