"""A mesh whose certificates are live, what the CA was asked for, and what its store's copy has."""

from __future__ import annotations

import sqlite3

from .configuration import certified_router, configuration


def config_of(env, names, brief=()):
    """`names` get certificates of 90 days, `brief` ones of 20 seconds, renewed after 10."""
    routers = {name.split(".")[0]: certified_router(name) for name in names}
    routers |= {name.split(".")[0]: certified_router(name, resolver="brief") for name in brief}
    return configuration(env, routers, resolvers={"le": env.resolver(profile="long"),
                                                  "brief": env.resolver(profile="short")})


def started(env, names, brief=()):
    """A mesh whose certificates are all live."""
    env.pebble(profiles={"long": 90 * 86400, "short": 20})
    env.backend("app")
    mesh = env.mesh(config_of(env, names, brief))
    mesh.wait_for("cert_live", count=len(names) + len(brief), seconds=60)
    return mesh


def requests_at(env, path: str) -> int:
    """POSTs to this path the CA has seen."""
    return env.pebble().process.log_path.read_text(errors="replace").count(f"POST {path}")


def orders_at(env) -> int:
    """newOrder requests the CA has seen."""
    return requests_at(env, "/order-plz")


def copied(env, names) -> bool:
    """The online copy has the certificates of all these names."""
    copy = env.store.with_name("mesh.db.last")
    if not copy.exists():
        return False
    database = sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)
    try:
        have = {row[0] for row in database.execute(
            "SELECT names FROM certificate WHERE current_version IS NOT NULL")}
    finally:
        database.close()
    return set(names) <= have
