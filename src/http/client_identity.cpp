#include "http/client_identity.hpp"

#include "base/regular_file.hpp"

namespace mesh::http {

namespace {

constexpr std::size_t pem_size_max = 1 << 20;

Error unusable_client(std::string_view what, const std::string& path, std::string_view why) {
    return Error{Errc::invalid,
                 Origin::config,
                 "cannot use " + std::string(what) + ' ' + path + ": " + std::string(why)};
}

Result<std::string> read_pem(std::string_view what, const std::string& path) {
    auto text = read_regular_file(path, pem_size_max);
    if (!text)
        return unusable_client(
            what,
            path,
            text.error().code == Errc::limit ? "larger than 1 MiB" : text.error().message);
    return text;
}

constexpr std::string_view certificate_file = "the client certificate";
constexpr std::string_view key_file = "the key of the client certificate";

}  // namespace

Result<ClientIdentity> read_client_identity(const ClientCertificate& files) {
    if (files.key_file.empty())
        return unusable_client(certificate_file, files.cert_file, "no file with its key is named");
    if (files.cert_file.empty())
        return unusable_client(key_file, files.key_file, "no file with the certificate is named");
    auto chain = read_pem(certificate_file, files.cert_file);
    if (!chain) return chain.error();
    auto key = read_pem(key_file, files.key_file);
    if (!key) return key.error();
    ClientIdentity identity{std::move(*chain),
                            Secret(std::move(*key)),
                            files.cert_file + " with key " + files.key_file};
    if (identity.chain.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
        return unusable_client(certificate_file, files.cert_file, "no PEM certificate in it");
    const std::string_view text = identity.key.reveal();
    const auto has = [text](std::string_view what) {
        return text.find(what) != std::string_view::npos;
    };
    // OpenSSL would ask the terminal.
    if (has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED"))
        return unusable_client(
            key_file, files.key_file, "it needs a pass phrase; store it without one");
    if (!has("PRIVATE KEY-----"))
        return unusable_client(key_file, files.key_file, "no PEM private key in it");
    return identity;
}

}  // namespace mesh::http
