#pragma once
#include "config/draft.hpp"
#include "config/load.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// providers.file.onError: partial. Takes what is wrong out of a draft, object by object, in a way
/// that makes nothing laxer: what worked before keeps that form, a router that did not is closed.
class Isolator {
 public:
    /// `files`: those of providers.file. `last_good` may be null.
    Isolator(Draft& draft, std::set<std::string> files, const Draft* last_good)
        : draft_(draft), files_(std::move(files)), last_good_(last_good) {}

    /// Changes the draft for the errors among `findings`. False when one of them cannot be fenced
    /// off, because nobody can know what it concerns: then everything has to be refused. After a
    /// change the draft may have other errors, in what refers to the objects concerned; the caller
    /// comes again with those.
    [[nodiscard]] bool take_out(const std::vector<Finding>& findings);
    /// Puts what they held before in the place of files that cannot be read as configuration, and
    /// takes those errors out of `findings`. False when one of them held nothing before.
    [[nodiscard]] bool replace_files(std::vector<Finding>& findings);

    [[nodiscard]] const std::vector<Isolated>& isolated() const { return isolated_; }

 private:
    enum class Kind { router, service, middleware, servers_transport, tls_options };
    struct Object {
        Kind kind;
        std::string name;
        bool is_only = true;  ///< no other one looks the same in a path
    };
    /// What an error is about.
    struct Concern {
        Kind kind;
        std::string name;
        std::string path;         ///< "tcp.routers.NAME", with all of the name
        std::string_view option;  ///< ".tls.options"; empty: the object itself
    };

    void list_objects();
    template <class T>
    void list_objects(Kind kind, std::string_view prefix, const std::map<std::string, T>& objects);
    [[nodiscard]] std::optional<Concern> concern_of(const Finding& error) const;
    [[nodiscard]] bool concerns_provider(const Finding& error) const;

    bool take_out(const Finding& error);
    bool take_out_router(const Concern& concern, const Finding& error);
    template <class T>
    void take_out_named(std::map<std::string, T>& now,
                        const std::map<std::string, T>* before,
                        const Concern& concern,
                        const Finding& error);
    void take_out_certificate(const Finding& error);
    bool replace_file(const Finding& error);
    bool close(const std::string& name, const Finding& error);
    bool close_default_options();
    template <class T>
    bool restore(std::map<std::string, T>& now,
                 const std::map<std::string, T>* before,
                 const Concern& concern);
    void note(const std::string& path, Isolated::State state, const Finding& error);

    Draft& draft_;
    std::set<std::string> files_;
    const Draft* last_good_;
    bool consequences_ = false;  ///< errors from now on follow from what was taken out
    std::optional<Finding> default_options_gone_;         ///< because of this error
    std::map<std::string, Object, std::less<>> objects_;  ///< by their paths in findings
    std::set<std::string> restored_;                      ///< paths; once each
    /// Paths, by the findings of this turn, and whether what is wrong has gone with them.
    std::map<std::string, bool> handled_;
    std::vector<Isolated> isolated_;
    std::map<std::string, std::size_t> place_in_isolated_;  ///< by path
};

}  // namespace mesh::config
