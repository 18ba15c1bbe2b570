/**
 * @file limits.h
 * @brief Every limit of Ferry, with unit and reason. Settings may lower or raise those marked (setting).
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#include <stdint.h>

/* --- the wire ------------------------------------------------------------------------------- */
#define FERRY_IDENT_MAX 64            /* characters of a product or device name */
#define FERRY_NAME_MAX 255            /* bytes of a resource or upload name, UTF-8 */
#define FERRY_NAME_VENDOR_MAX 63      /* bytes of a name that a vendor device can hold */
#define FERRY_SIZE_VENDOR_MAX 0x7fffffffu /* bytes of a file that a vendor device can count (below 2 GiB) */
#define FERRY_MD5_HEX 32              /* characters */
#define FERRY_SHA256_HEX 64           /* characters */
#define FERRY_REQUEST_ID_MAX 64       /* bytes */
#define FERRY_RESULT_MSG_MAX 127      /* bytes of a result_msg that we write or keep */
#define FERRY_PAYLOAD_MAX 16384       /* bytes of an MQTT payload that the platform reads */
#define FERRY_DOWN_PACKET_MAX 2048    /* bytes of a whole MQTT packet that a vendor device reads */
#define FERRY_URL_MAX 860             /* characters of an object URL: one 1024-byte buffer holds the request head */
#define FERRY_URL_HOST_VENDOR_MAX 63  /* characters of its host */
#define FERRY_JSON_TOKENS_MAX 256     /* JSON values and keys of one message; more is refused as malformed */
#define FERRY_JSON_TOKENS_DEVICE 64   /* enough for any message that a device sends or reads: the longest has 31 */

/* --- the platform --------------------------------------------------------------------------- */
#define FERRY_OBJECT_SIZE_MAX (5ull << 30) /* bytes of one object (setting) */
#define FERRY_UPLOADS_OPEN_MAX 16     /* open upload tasks of one device */
#define FERRY_INBOX_MAX 65536         /* commands that wait for the engine (setting) */
#define FERRY_DEVICE_REQUESTS_PER_MIN 6000 /* MQTT requests of one device, evenly or at once: small files one after the other (setting) */
#define FERRY_DEVICE_TRANSFERS_PER_MIN 6000 /* HTTP requests with URLs of one device: chunks and ranges (setting) */
#define FERRY_DEVICE_TRANSFERS_MAX 32 /* ... of these at a time (setting) */
#define FERRY_DEVICE_IN_FLIGHT_MAX (10ull << 30) /* bytes of the files that these carry; one file may always (setting) */
#define FERRY_RATE_DEVICES 65536      /* devices and addresses whose pace is remembered: 1 MiB */
#define FERRY_BATCH_MAX 512           /* commands in one transaction (setting) */
#define FERRY_URL_LIFE_S 3600         /* life of an object URL (setting) */
#define FERRY_URL_LIFE_MIN_S 60
#define FERRY_URL_LIFE_MAX_S 86400
#define FERRY_RESOURCE_UPLOAD_LIFE_S (7 * 86400) /* an operator's upload to which nothing came for that long goes (setting) */
#define FERRY_ANSWERS_KEPT_S 86400    /* answers to requests with a key are given again for that long (setting) */
#define FERRY_ANSWERS_MAX 100000      /* ... at most so many (setting) */
#define FERRY_EVENTS_DAYS 30          /* events are kept that long (setting) */
#define FERRY_EVENTS_MAX 1000000       /* ... and so many of them (setting) */
#define FERRY_WEBHOOKS_MAX 100        /* so many webhooks (setting) */
#define FERRY_STATISTICS_DAYS 400     /* numbers by the hour are kept that long (setting) */
#define FERRY_RETENTION_DAYS 90       /* finished tasks are kept that long (setting) */
#define FERRY_SESSION_IDLE_S 1800     /* a console session that nobody uses ends after this (setting) */
#define FERRY_SESSION_LIFE_S 43200    /* ... and at this age in any case (setting) */
#define FERRY_API_BODY_MAX (1u << 20) /* bytes of a JSON body of the operator API */
#define FERRY_PAGE_MAX 250            /* rows of one page of a list */
#define FERRY_PAGE_DEFAULT 50
#define FERRY_DEPLOY_TIMEOUT_S 86400  /* a device's time for one deployment, default */
#define FERRY_DEPLOY_TIMEOUT_MIN_S 60
#define FERRY_DEPLOY_TIMEOUT_MAX_S (7u * 86400u)
#define FERRY_DEPLOY_RETRIES_MAX 100
#define FERRY_DEPLOY_RETRY_FIRST_S 60 /* pause before a deployment tries a device again, doubling */
#define FERRY_DEPLOY_RETRY_MAX_S 3600
#define FERRY_DEPLOY_RATE_MAX 1000000 /* devices a minute */
#define FERRY_SECRET_OVERLAP_MAX_S (90u * 86400u) /* a replaced secret is good that long at most */
#define FERRY_PUSH_RETRY_FIRST_S 15   /* a push without a sign of life is repeated after this, doubling */
#define FERRY_PUSH_RETRY_MAX_S 900    /* ... up to this */

#endif
