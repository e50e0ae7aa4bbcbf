#!/usr/bin/env python3
"""check_arrows.py finds what it is there to find: each case is a small tree with one mistake."""

import pathlib
import tempfile
import unittest

import check_arrows


def findings_in(files: dict) -> list:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_arrows.findings(root)


class Arrows(unittest.TestCase):
    def assert_finds(self, expected: str, files: dict) -> None:
        found = findings_in(files)
        self.assertTrue(any(expected in line for line in found), f"{expected!r} not in {found}")

    def test_a_clean_tree_is_clean(self):
        self.assertEqual(
            [],
            findings_in(
                {
                    "base/bytes.hpp": "#include <vector>\n",
                    "tls/openssl_ptr.hpp": "#include <openssl/ssl.h>\n",
                    "tls/session.cpp": '#include "tls/openssl_ptr.hpp"\n#include "base/bytes.hpp"\n',
                    "proxy/socket.hpp": "#include <boost/asio/ip/tcp.hpp>\n",
                    "proxy/worker.cpp": '#include "proxy/socket.hpp"\n',
                    "acme/json.hpp": "#include <nlohmann/json.hpp>\n",
                    "acme/order.cpp": '#include "acme/json.hpp"\n',
                    "cli/CMakeLists.txt": "mesh_room(cli SOURCES a.cpp USES app config\n  base)",
                    "main.cpp": '#include "base/bytes.hpp"\n',
                }
            ),
        )

    def test_an_empty_tree_is_an_error(self):
        self.assert_finds("no source files", {})

    def test_a_room_may_not_use_one_above_it(self):
        self.assert_finds(
            "proxy/a.cpp:2: proxy may not use store",
            {"store/store.hpp": "", "proxy/a.cpp": '\n#include "store/store.hpp"\n'},
        )
        self.assert_finds(
            "base/a.hpp:1: base may not use rules",
            {"rules/r.hpp": "", "base/a.hpp": '#  include "rules/r.hpp"\n'},
        )

    def test_what_cmake_links_is_held_too(self):
        self.assert_finds(
            "acme may not use store",
            {
                "acme/a.cpp": "",
                "acme/CMakeLists.txt": "mesh_room(acme SOURCES a.cpp USES base store LINKS x)",
            },
        )

    def test_an_unknown_room_is_found(self):
        self.assert_finds("no such room: misc", {"misc/a.cpp": ""})

    def test_an_include_that_leads_nowhere_is_found(self):
        self.assert_finds('"bytes.hpp" is no file', {"base/a.cpp": '#include "bytes.hpp"\n'})

    def test_the_table_itself_is_held(self):
        table = check_arrows.MAY_USE
        table["certs"].append("store")
        try:
            self.assert_finds("the table itself lets proxy use store", {"base/a.hpp": ""})
        finally:
            table["certs"].remove("store")

    def test_a_cycle_of_includes_is_found(self):
        self.assert_finds(
            "includes itself: base/a.hpp -> base/b.hpp -> base/a.hpp",
            {"base/a.hpp": '#include "base/b.hpp"\n', "base/b.hpp": '#include "base/a.hpp"\n'},
        )

    def test_libraries_stay_in_their_rooms(self):
        for header, room, name in [
            ("openssl/ssl.h", "proxy", "OpenSSL belongs into tls only"),
            ("curl/curl.h", "acme", "libcurl belongs into http only"),
            ("sqlite3.h", "cli", "SQLite belongs into store only"),
            ("SQLiteCpp/Database.h", "control", "SQLite belongs into store only"),
            ("boost/asio/io_context.hpp", "control", "Asio belongs into proxy, app only"),
            ("yaml-cpp/yaml.h", "app", "yaml-cpp belongs into config only"),
        ]:
            with self.subTest(header):
                self.assert_finds(name, {f"{room}/a.cpp": f"#include <{header}>\n"})

    def test_a_header_must_not_bring_a_library_to_another_room(self):
        self.assert_finds(
            "app/run.cpp:1: brings Asio along, by way of proxy/inner.hpp",
            {
                "proxy/inner.hpp": "#include <boost/asio.hpp>\n",
                "proxy/outer.hpp": '#include "proxy/inner.hpp"\n',
                "app/run.cpp": '#include "proxy/outer.hpp"\n',
            },
        )
        self.assert_finds(
            "brings nlohmann/json.hpp along, by way of <nlohmann/json.hpp>",
            {
                "acme/json.hpp": "#include <nlohmann/json.hpp>\n",
                "control/a.hpp": '#include "acme/json.hpp"\n',
            },
        )

    def test_vague_names_are_found(self):
        for text in ("class CertManager {", "struct StringUtils;", "  class IoHelper final {"):
            with self.subTest(text):
                self.assert_finds("after what it does", {"base/a.hpp": text + "\n"})
        self.assert_finds("name the file", {"base/string_utils.hpp": ""})

    def test_left_overs_are_found(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            with self.subTest(word):
                self.assert_finds(f"base/a.cpp:1: {word}", {"base/a.cpp": f"// {word}: later\n"})


if __name__ == "__main__":
    unittest.main()
