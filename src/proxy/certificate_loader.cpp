#include "proxy/certificate_loader.hpp"

#include <algorithm>

namespace mesh::proxy {

void CertificateLoader::request(certs::EntryPtr entry, Answer answer) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        std::vector<Answer>& answers = waiting_[{entry->id, entry->version}];
        first = answers.empty();
        answers.push_back(std::move(answer));
    }
    if (first) thread_.post([this, entry = std::move(entry)] { load(*entry); });
}

void CertificateLoader::load(const certs::CertificateEntry& entry) {
    const Key key{entry.id, entry.version};
    Result<certs::CredentialPtr> credential = held(key);
    if (!*credential) {
        credential = read_ ? read_(entry)
                           : Error{Errc::not_found,
                                   mesh::Origin::internal,
                                   "nothing to read certificates from"};
        // A file keeps its id over a reload that changes its chain; and it is in memory anyway.
        const bool is_stored = entry.id >= 0;
        if (credential && is_stored) remember(key, *credential);
    }
    std::vector<Answer> answers;
    {
        const std::lock_guard lock(mutex_);
        answers = std::move(waiting_.extract(key).mapped());
    }
    for (const Answer& answer : answers) answer(credential);
}

certs::CredentialPtr CertificateLoader::held(const Key& key) {
    const auto found = held_.find(key);
    return found == held_.end() ? nullptr : found->second.lock();
}

void CertificateLoader::remember(const Key& key, const certs::CredentialPtr& credential) {
    if (held_.size() >= held_looked_at_) {
        std::erase_if(held_, [](const auto& one) { return one.second.expired(); });
        held_looked_at_ = std::max<std::size_t>(1024, 2 * held_.size());
    }
    held_.insert_or_assign(key, credential);
}

}  // namespace mesh::proxy
