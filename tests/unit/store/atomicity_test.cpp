#include "fixture.hpp"

namespace mesh::store {

TEST_CASE("store: a change that cannot be applied leaves nothing of its transition",
          "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    REQUIRE(commit(*store, executor, {PutCertificate{a_certificate("old.example")}}));
    CertificateRecord changed = a_certificate("old.example");
    changed.state = "changed";

    const auto applied = commit(*store,
                                executor,
                                {PutCertificate{changed},
                                 PutCertificate{a_certificate("new.example")},
                                 PutAccount{{directory, "", Secret("k"), "", "", at(0)}},
                                 AddHistory{{key_of({"old.example"}), at(1), "event", ""}},
                                 a_version("unknown.example", "key"),
                                 DeleteCertificate{key_of({"old.example"})}});

    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == Errc::not_found);
    const auto certificates = store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    CHECK(certificates->front().record.state == "wanted");
    CHECK(store->accounts()->empty());
    CHECK(store->history(key_of({"old.example"}), 10)->empty());
}

TEST_CASE("store: transitions that share a commit with one that fails are stored",
          "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    std::vector<std::future<Result<Applied>>> results;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "c" + std::to_string(i) + ".example";
        Transition transition{PutCertificate{a_certificate(name)}};
        if (i % 3 == 0) transition.push_back(a_version("unknown.example", "key"));
        results.push_back(submit(*store, executor, std::move(transition)));
    }
    std::size_t stored = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const auto result = results[i].get();
        CHECK(result.has_value() == (i % 3 != 0));
        if (result) ++stored;
    }
    CHECK(store->certificates()->size() == stored);
}

TEST_CASE("store: a transition whose names cannot be stored is invalid", "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    CertificateRecord record = a_certificate("a.example");
    record.key.names = {"a.example", "b.example\nc.example"};
    const auto applied = commit(*store, executor, {PutCertificate{record}});
    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == Errc::invalid);
}

TEST_CASE("store: an empty transition completes", "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    CHECK(commit(*store, executor, {}));
}

}  // namespace mesh::store
