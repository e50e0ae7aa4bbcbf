#pragma once
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mesh {

/// Text that many values have in common: their copies share it.
class SharedText {
 public:
    SharedText() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it is that text
    SharedText(std::string text)
        : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}

    [[nodiscard]] std::string_view view() const {
        return text_ ? std::string_view(*text_) : std::string_view();
    }
    friend bool operator==(const SharedText& a, const SharedText& b) {
        return a.text_ == b.text_ || a.view() == b.view();
    }
    template <std::convertible_to<std::string_view> Text>
    friend bool operator==(const SharedText& a, const Text& b) {
        return a.view() == std::string_view(b);
    }

 private:
    std::shared_ptr<const std::string> text_;
};

}  // namespace mesh
