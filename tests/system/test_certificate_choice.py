# ctest: timeout=180
"""What clients are shown whose name no certificate fits: from a file, self-signed, or ordered for them."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from mesh_env import Authority, refusal
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import certified_router, configuration, rule, service

ANYBODY = Authority(None, verify=False)


def shown(env, name: str | None) -> set[str]:
    with env.tls(name, ANYBODY) as client:
        return client.names


def test_the_default_from_a_file_and_what_is_taken_away(env):
    env.backend("app")
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "own", "own.example")
    authority.write_pair(env.directory / "tls", "default", "default.example")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"all": {"rule": "HostSNI(`*`)", "service": "app", "tls": {}},
                            "strict": {"rule": rule("strict.example"), "service": "app",
                                       "tls": {"options": "strict"}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"options": {"strict": {"sniStrict": True}},
                "certificates": [{"certFile": "tls/own.crt", "keyFile": "tls/own.key"}],
                "stores": {"default": {"defaultCertificate": {"certFile": "tls/default.crt",
                                                              "keyFile": "tls/default.key"}}}},
    }
    mesh = env.mesh(config)
    assert shown(env, "own.example") == shown(env, "OWN.Example.") == {"own.example"}
    assert shown(env, "unknown.example") == shown(env, None) == {"default.example"}
    assert refusal(env.at(), "strict.example", ANYBODY) == "unrecognized_name"

    config["tls"]["certificates"] = []
    mesh.write_config(config)
    mesh.command("reload")
    assert shown(env, "own.example") == {"default.example"}
    del config["tls"]["stores"]
    mesh.write_config(config)
    mesh.command("reload")
    assert shown(env, "own.example") == {"mesh.default.invalid"}


def test_a_default_is_ordered_and_renewed_like_any_other(env):
    env.backend("app")
    config = configuration(env, {"all": {"rule": "HostSNI(`*`)", "service": "app", "tls": {}}},
                           tls={"stores": {"default": {"defaultGeneratedCert": {
                               "resolver": "le", "domain": {"main": "main.example", "sans": ["more.example"]}}}}})
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=60)
    for name in ("unknown.example", None):
        with env.tls(name, Authority(env.pebble().root_pem(), verify=False)) as client:
            assert client.names == {"main.example", "more.example"}
    planned = mesh.json("plan")["certificates"]
    assert [certificate["routers"] for certificate in planned] == [["tls.stores.default"]]
    config["tls"] = {}
    mesh.write_config(config)
    mesh.command("reload")
    assert shown(env, "unknown.example") == {"mesh.default.invalid"}
    assert shown(env, "main.example") == {"main.example", "more.example"}  # kept, and not renewed


def test_the_chain_that_ends_in_the_preferred_root(env):
    """A CA with two roots offers two chains; which one is served is the operator's choice."""
    pebble = env.pebble(alternate_roots=1)
    env.backend("app")
    roots = [x509.load_pem_x509_certificate(pebble.root_pem(number).encode()) for number in (0, 1)]
    names = [root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for root in roots]
    assert names[0] != names[1]
    routers = {"first": certified_router("first.example", resolver="first"),
               "second": certified_router("second.example", resolver="second"),
               "neither": certified_router("neither.example", resolver="neither")}
    resolvers = {"first": env.resolver(preferredChain=names[0]), "second": env.resolver(preferredChain=names[1]),
                 "neither": env.resolver(preferredChain="A root of somebody else")}
    mesh = env.mesh(configuration(env, routers, resolvers=resolvers))
    mesh.wait_for("cert_live", seconds=60, count=3)
    for name, root in (("first", 0), ("second", 1), ("neither", 0)):
        with env.tls(f"{name}.example", Authority(pebble.root_pem(root))) as client:
            assert client.receive_line() == "app"
        assert refusal(env.at(), f"{name}.example", Authority(pebble.root_pem(1 - root))) == \
            "certificate_verify_failed"
    mesh.wait_for("preferred_chain_missing", names="neither.example")
