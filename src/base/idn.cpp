#include "base/idn.hpp"

#include <algorithm>
#include <idn2.h>
#include <memory>

namespace mesh {
namespace {

constexpr std::size_t written_size_max = 1024;

struct FreeIdn2 {
    void operator()(char* text) const noexcept { idn2_free(text); }
};

bool is_ascii(std::string_view text) {
    return std::all_of(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Error bad_name(std::string_view why) {
    return {Errc::invalid, Origin::config, std::string(why)};
}

}  // namespace

Result<std::string> to_a_labels(std::string_view name) {
    if (is_ascii(name)) return std::string(name);
    if (name.size() > written_size_max) return bad_name("the name is too long");
    // The library sees a C string: a NUL must not hide what follows it.
    if (name.find('\0') != std::string_view::npos) return bad_name("the name holds a NUL");

    const bool wildcard = name.starts_with("*.");
    const std::string terminated(wildcard ? name.substr(2) : name);
    char* out = nullptr;
    const int code =
        idn2_to_ascii_8z(terminated.c_str(), &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const std::unique_ptr<char, FreeIdn2> converted(out);
    if (code != IDN2_OK) return bad_name(idn2_strerror(code));
    return (wildcard ? "*." : "") + std::string(converted.get());
}

Result<HostPattern> parse_written_name(std::string_view name) {
    const auto ascii = to_a_labels(name);
    if (!ascii) return ascii.error();
    return HostPattern::parse(*ascii);
}

}  // namespace mesh
