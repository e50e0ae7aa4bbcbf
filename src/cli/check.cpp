#include "app/file_certificates.hpp"
#include "app/run.hpp"
#include "cli/commands.hpp"
#include "cli/explain.hpp"
#include "cli/world.hpp"
#include "config/load.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

namespace mesh::cli {

namespace {

config::LoadOptions load_options(const CheckOptions& options) {
    config::LoadOptions out;
    out.no_secrets = options.no_secrets;
    out.label_prefixes = options.prefixes;
    for (const std::string& path : options.labels) out.label_files.push_back({path, false});
    for (const std::string& path : options.tags) out.label_files.push_back({path, true});
    return out;
}

/// What was asked about, once the file is found to be valid.
class Explained {
 public:
    Explained(model::Configuration configuration, const ExplainTarget& target, bool no_secrets)
        : target_(target),
          deciding_(
              look_at_what_decides(std::move(configuration), no_secrets, SystemClock().now())) {
        if (deciding_) entry_points_ = explain(*deciding_, target);
    }

    [[nodiscard]] bool is_routed() const {
        return std::any_of(entry_points_.begin(), entry_points_.end(), [](const Explanation& one) {
            return one.router != nullptr || !one.unless.empty();
        });
    }
    [[nodiscard]] nlohmann::ordered_json json() const {
        complain();
        return explanations_json(entry_points_, target_);
    }
    void print() const {
        for (const Explanation& one : entry_points_)
            std::fputs(describe_explanation(one, target_).c_str(), stdout);
        complain();
        if (deciding_ && entry_points_.empty())
            std::printf("no entry point listens on port %d\n", target_.port.value_or(0));
    }

 private:
    void complain() const {
        if (!deciding_) std::fprintf(stderr, "mesh: %s\n", deciding_.error().message.c_str());
    }

    const ExplainTarget& target_;
    Result<Deciding> deciding_;
    std::vector<Explanation> entry_points_;
};

/// The document of `check`, with one key more.
std::string json_with(const config::LoadResult& result, const std::optional<Explained>& explained) {
    auto document = nlohmann::ordered_json::parse(config::findings_json(result));
    document["explained"] = explained ? explained->json() : nlohmann::ordered_json(nullptr);
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

int check_and_explain(const Common& common,
                      const CheckOptions& options,
                      const ExplainTarget& target) {
    const config::LoadResult result = load(common.config, load_options(options));
    std::optional<Explained> explained;
    if (result.configuration) explained.emplace(*result.configuration, target, options.no_secrets);
    if (common.json) {
        std::printf("%s\n", json_with(result, explained).c_str());
    } else {
        print(result);
        if (explained) explained->print();
    }
    return explained && explained->is_routed() ? 0 : app::exit_code::configuration;
}

}  // namespace

int check(const Common& common, const CheckOptions& options) {
    if (options.explain) {
        const auto target = parse_explain_target(*options.explain);
        if (target) return check_and_explain(common, options, *target);
        std::fprintf(stderr, "mesh: --explain: %s\n", target.error().message.c_str());
        return app::exit_code::usage;
    }
    config::LoadResult result = load(common.config, load_options(options));
    if (common.json)
        std::fputs((config::findings_json(result) + "\n").c_str(), stdout);
    else
        print(result);
    return result.configuration ? 0 : app::exit_code::configuration;
}

}  // namespace mesh::cli
