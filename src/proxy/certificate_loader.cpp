#include "proxy/certificate_loader.hpp"

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
    const Result<certs::CredentialPtr> credential =
        read_ ? read_(entry)
              : Error{Errc::not_found, mesh::Origin::internal, "nothing to read certificates from"};
    std::vector<Answer> answers;
    {
        const std::lock_guard lock(mutex_);
        answers = std::move(waiting_.extract({entry.id, entry.version}).mapped());
    }
    for (const Answer& answer : answers) answer(credential);
}

}  // namespace mesh::proxy
