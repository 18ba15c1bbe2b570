"""Many finished uploads of two products, straight into the database; what is asked for is rare."""
import time

from ferry import unique_name
from filled_store import filled_store

MANY, RARE = 22_500, 10_000  # more than one page looks at, several times
FILL = """
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :many - 1)
    INSERT INTO upload (id, product, device, name, size, md5, state, percent, result_code, result_msg, created_ms, updated_ms,
                        stored_ms, ended_ms, expires_ms)
    SELECT unhex(printf('%012x%020x', :begin + i, i)), CASE WHEN i % :rare = 5 THEN :mine ELSE :other END,
           'd-' || CASE WHEN i % :rare = 5 THEN 'own' ELSE 'busy' END,
           CASE WHEN i % :rare IN (5, 6) THEN 'rare-' || i ELSE 'common' END, 1, printf('%032x', i),
           CASE WHEN i % :rare = 6 THEN 5 ELSE 4 END, 100, 0, '', :begin + i, :begin + i, :begin + i, :begin + i, 0 FROM n"""


class ManyUploads:
    """Three are of the product mine, three of the product other have failed; these six have names that begin with rare."""

    def __init__(self, platform):
        self.platform = platform
        self.mine, self.other = platform.new_product(unique_name("mine")), platform.new_product(unique_name("other"))
        platform.stop()
        with filled_store(platform.data / "ferry.db") as database:
            database.create_function("unhex", 1, bytes.fromhex, deterministic=True)
            database.execute(FILL, {"many": MANY, "rare": RARE, "begin": int(time.time() * 1000) - MANY, "mine": self.mine,
                                    "other": self.other})
        platform.start()
