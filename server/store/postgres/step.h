/**
 * @file step.h
 * @brief The texts of the schema's steps, and words that several of them have. A published step never changes: neither do its words.
 */
#ifndef STORE_POSTGRES_STEP_H
#define STORE_POSTGRES_STEP_H

extern const char pgs_step_1[], pgs_step_2[];

#define FUNCTION(name) "CREATE FUNCTION " name "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
#define END_FUNCTION " RETURN NULL; END $$; "
#define TRIGGER(name, when, function) "CREATE TRIGGER " name " " when " EXECUTE FUNCTION " function "(); "
#define EACH " FOR EACH ROW "

/* a truth as the number that is added up */
#define ONE_IF(condition) "(" condition ")::int"
#define HIGH(size) "(" size " >> 32)"
#define LOW(size) "(" size " & 4294967295)"
#define MORE(table, column) column " = " table "." column " + excluded." column

/* the download tasks of a deployment by state */
#define COUNT_COLUMNS(X) X("queued", "= 1") X("offered", "= 2") X("downloading", "= 3") X("done", "= 4") X("failed", "= 5") \
    X("timed_out", "= 6") X("cancelled", "= 7") X("rejected", "= 8")

#define SPAN_OF(created, at) \
    "(" at " - " at " % CASE WHEN " at " - " created " < 600000 THEN 2000 WHEN " at " - " created " < 86400000 THEN 60000" \
    " ELSE 3600000 END)"

#endif
