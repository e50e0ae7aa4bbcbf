#include "base/secret.hpp"

#include <string.h>

namespace mesh {

void Secret::wipe() noexcept {
    // The capacity too: a moved-from or shrunk string may still hold bytes past its size.
    text_.resize(text_.capacity());
    ::explicit_bzero(text_.data(), text_.size());
    text_.clear();
}

Secret& Secret::operator=(const Secret& other) {
    if (this == &other) return *this;
    wipe();
    text_ = other.text_;
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
    return *this;
}

bool Secret::operator==(const Secret& other) const {
    if (text_.size() != other.text_.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < text_.size(); ++i)
        difference |= static_cast<unsigned char>(text_[i] ^ other.text_[i]);
    return difference == 0;
}

}  // namespace mesh
