#pragma once
#include <string>
#include <string_view>

namespace mesh {

/// Text that must not be printed and is wiped when it goes: private keys in PEM. It has no
/// stream operator and no formatter on purpose; `reveal()` marks every place that uses it.
class Secret {
 public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    [[nodiscard]] std::string_view reveal() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    /// Constant-time for equal lengths.
    [[nodiscard]] bool operator==(const Secret& other) const;

 private:
    void wipe() noexcept;
    std::string text_;
};

}  // namespace mesh
