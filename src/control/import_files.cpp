#include "control/import_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace mesh::control {
namespace {

namespace fs = std::filesystem;

constexpr int depth_max = 4;
constexpr std::size_t files_max = 200'000;
constexpr std::size_t pair_file_size_max = std::size_t{1} << 20;

using NameSet = std::set<std::string, std::less<>>;

std::optional<std::string> stem_of(std::string_view name, std::string_view suffix) {
    if (name.size() <= suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    return std::string(name.substr(0, name.size() - suffix.size()));
}

std::optional<std::string> first_present(const NameSet& names,
                                         const std::vector<std::string>& candidates) {
    for (const std::string& candidate : candidates)
        if (names.contains(candidate)) return candidate;
    return std::nullopt;
}

bool names_a_key(std::string_view name) {
    return name.ends_with(".key") || name.ends_with("-key.pem") || name.ends_with(".key.pem") ||
           name == "key.pem" || name.starts_with("privkey");
}

/// acme.sh keeps NAME.key in a folder NAME or NAME_ecc.
std::string acme_sh_key(const fs::path& folder) {
    const std::string name = folder.filename().string();
    return stem_of(name, "_ecc").value_or(name) + ".key";
}

/// The key file that belongs to a certificate file of this name; nothing if there is none.
std::optional<std::string> key_for(const std::string& name,
                                   const NameSet& names,
                                   const fs::path& folder) {
    if (name == "fullchain.pem") return first_present(names, {"privkey.pem"});
    if (name == "fullchain.cer") return first_present(names, {acme_sh_key(folder)});
    if (name == "cert.pem") return first_present(names, {"cert-key.pem", "key.pem"});
    for (const std::string_view suffix : {".crt.pem", ".crt", ".cer", ".pem"})
        if (const auto stem = stem_of(name, suffix))
            return first_present(names, {*stem + ".key", *stem + "-key.pem", *stem + ".key.pem"});
    return std::nullopt;
}

bool names_a_certificate(std::string_view name) {
    return !names_a_key(name) &&
           (name.ends_with(".crt") || name.ends_with(".cer") || name.ends_with(".pem"));
}

/// certbot and acme.sh write the same certificate several times; the full chain is the one to take.
bool is_part_of_full_chain(std::string_view name, const NameSet& names, const fs::path& folder) {
    if (names.contains("fullchain.pem") && names.contains("privkey.pem"))
        return name == "cert.pem" || name == "chain.pem";
    if (names.contains("fullchain.cer") && names.contains(acme_sh_key(folder)))
        return name != "fullchain.cer" && name.ends_with(".cer");
    return false;
}

void match(const fs::path& folder, const NameSet& names, FoundPairs& found) {
    for (const std::string& name : names) {
        if (!names_a_certificate(name) || is_part_of_full_chain(name, names, folder)) continue;
        const std::string cert_file = (folder / name).string();
        if (const auto key = key_for(name, names, folder))
            found.pairs.push_back({cert_file, (folder / *key).string()});
        else
            found.unpaired.push_back(cert_file);
    }
}

Error folder_error(const std::string& directory, const std::error_code& error) {
    const Errc code = error == std::errc::permission_denied           ? Errc::permission
                      : error == std::errc::no_such_file_or_directory ? Errc::not_found
                                                                      : Errc::io;
    return {code, Origin::config, "cannot read the folder " + directory + ": " + error.message()};
}

}  // namespace

Result<FoundPairs> find_pairs(const std::string& directory) {
    std::error_code error;
    fs::recursive_directory_iterator entries{
        directory, fs::directory_options::skip_permission_denied, error};
    if (error) return folder_error(directory, error);

    std::map<fs::path, NameSet> folders;
    std::size_t count = 0;
    for (; entries != fs::recursive_directory_iterator{}; entries.increment(error)) {
        if (error) return folder_error(directory, error);
        if (entries.depth() >= depth_max) entries.disable_recursion_pending();
        if (!entries->is_regular_file(error)) continue;
        if (++count > files_max)
            return Error{
                Errc::limit,
                Origin::config,
                directory + " holds more than 200000 files; import its folders one by one"};
        folders[entries->path().parent_path()].insert(entries->path().filename().string());
    }
    FoundPairs found;
    for (const auto& [folder, names] : folders) match(folder, names, found);
    return found;
}

Result<std::string> read_text_file(const std::string& path, std::size_t size_max) {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        const int cause = errno;
        const Errc code = cause == ENOENT   ? Errc::not_found
                          : cause == EACCES ? Errc::permission
                                            : Errc::io;
        return Error{code, Origin::config, "cannot read " + path + ": " + std::strerror(cause)};
    }
    std::string text;
    std::array<char, 65536> chunk{};
    while (file.read(chunk.data(), chunk.size()) || file.gcount() > 0) {
        text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
        if (text.size() > size_max)
            return Error{Errc::limit,
                         Origin::config,
                         path + " is larger than " + std::to_string(size_max) + " bytes"};
    }
    if (file.bad()) return Error{Errc::io, Origin::config, "cannot read " + path};
    return text;
}

Result<ImportItem> read_pair(const PairFiles& files) {
    auto chain = read_text_file(files.cert_file, pair_file_size_max);
    if (!chain) return chain.error();
    auto key = read_text_file(files.key_file, pair_file_size_max);
    if (!key) return key.error();
    return ImportItem{files.cert_file, std::move(*chain), Secret{std::move(*key)}};
}

}  // namespace mesh::control
