"""Short ways to write configurations that many tests need."""

from __future__ import annotations


def service(*addresses: str) -> dict:
    return {"loadBalancer": {"servers": [{"address": address} for address in addresses]}}


def rule(*names: str) -> str:
    return " || ".join(f"HostSNI(`{name}`)" for name in names)


def certified_router(*names: str, resolver: str = "le", service: str = "app", **tls) -> dict:
    """A terminating router whose certificate comes from `resolver`."""
    return {"rule": rule(*names), "service": service, "tls": {"certResolver": resolver, **tls}}


def configuration(env, routers: dict, *, resolvers: dict | None = None, services: dict | None = None, **more) -> dict:
    """One entry point 'websecure', resolver 'le' at this environment's Pebble, service 'app' at backend 'app'."""
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": resolvers if resolvers is not None else {"le": env.resolver()},
        "tcp": {"routers": routers, "services": services or {"app": service(env.endpoint("backend-app"))}},
        **more,
    }
