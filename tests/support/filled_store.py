"""Upload tasks put straight into ferryd's database, and what it keeps of them counted anew."""
import contextlib
import sqlite3

COUNT = (
    "DELETE FROM usage",
    """INSERT INTO usage SELECT product, device, count(*), sum(size >> 32), sum(size & 4294967295) FROM (
           SELECT product, device, size FROM upload WHERE state <= 4 UNION ALL
           SELECT product, '', size FROM upload WHERE state <= 4 UNION ALL
           SELECT product, '', size FROM resource UNION ALL
           SELECT product, '', size FROM resource_upload WHERE stored_ms = 0) GROUP BY product, device""",
    """UPDATE total SET uploads_open = (SELECT count(*) FROM upload WHERE state <= 2), (stored_high, stored_low) =
           (SELECT coalesce(sum(size >> 32), 0), coalesce(sum(size & 4294967295), 0) FROM upload WHERE state IN (3, 4))""",
)


@contextlib.contextmanager
def filled_store(path):
    """A connection, committed at the end. The function is the one by which ferryd would count along."""
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as database:
        database.create_function("ferry_upload_moved", 7, lambda *_: None)
        with database:
            yield database
            for statement in COUNT:
                database.execute(statement)
