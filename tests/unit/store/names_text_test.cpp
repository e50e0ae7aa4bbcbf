#include "store/names_text.hpp"

#include "fixture.hpp"

namespace mesh::store {

TEST_CASE("names: a list comes back in its order", "[store][names]") {
    for (const std::vector<std::string>& names :
         {std::vector<std::string>{},
          {"a.example"},
          {"b.example", "a.example", "*.c.example", "b.example"}}) {
        const auto text = names_text(names);
        REQUIRE(text);
        CHECK(names_of(*text) == names);
    }
}

TEST_CASE("names: the key of a list does not depend on order or repetition", "[store][names]") {
    CHECK(*names_key({"b", "a", "b"}) == *names_key({"a", "b"}));
    CHECK(*names_key({"a", "b"}) != *names_key({"ab"}));
}

TEST_CASE("names: lists that could be taken for others are refused", "[store][names]") {
    CHECK(names_text({"a\nb"}).error().code == Errc::invalid);
    CHECK(names_text({"a", ""}).error().code == Errc::invalid);
    CHECK(names_text({std::string("a\0b", 3)}).error().code == Errc::invalid);
    CHECK(names_key({}).error().code == Errc::invalid);
}

}  // namespace mesh::store
