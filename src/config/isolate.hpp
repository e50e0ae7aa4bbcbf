#pragma once
#include "config/draft.hpp"
#include "config/load.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
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

    [[nodiscard]] std::vector<Isolated> isolated() const { return isolated_; }

 private:
    bool take_out(const Finding& error);
    struct Taken {
        std::string name;
        bool gone = false;  ///< since this error: there was no form of before
    };
    template <class T>
    std::optional<Taken> take_out_named(const std::string& prefix,
                                        std::map<std::string, T>& now,
                                        const std::map<std::string, T>* before,
                                        const Finding& error);
    bool take_out_defaults(const Finding& error);
    bool replace_file(const Finding& error);
    bool take_out_router(const std::string& name, const Finding& error);
    template <class T>
    bool restore(std::map<std::string, T>& now,
                 const std::map<std::string, T>* before,
                 const std::string& name);
    void note(const std::string& path, Isolated::State state, const Finding& error);
    [[nodiscard]] bool concerns_provider(const Finding& error) const;

    Draft& draft_;
    std::set<std::string> files_;
    const Draft* last_good_;
    bool consequences_ = false;  ///< errors from now on follow from what was taken out
    std::set<std::string> restored_;
    std::set<std::string> handled_;  ///< paths, by the findings of this turn
    std::vector<Isolated> isolated_;
};

}  // namespace mesh::config
