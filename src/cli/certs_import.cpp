#include "app/run.hpp"
#include "base/executor.hpp"
#include "base/time_text.hpp"
#include "cli/commands.hpp"
#include "cli/running.hpp"
#include "cli/world.hpp"
#include "control/import.hpp"
#include "control/import_files.hpp"
#include "control/import_traefik.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <utility>

namespace mesh::cli {
namespace {

constexpr std::size_t acme_json_size_max = std::size_t{256} << 20;
/// What goes to a running process in one request: it takes 1 MiB.
constexpr std::size_t request_size_max = std::size_t{900} << 10;
constexpr std::size_t request_items_max = 64;

int complain(int code, const std::string& text) {
    std::fprintf(stderr, "mesh: %s\n", text.c_str());
    return code;
}

/// The resolver whose CA the certificates belong to.
Result<const model::CertResolver*> pick_resolver(const model::Configuration& configuration,
                                                 const std::string& name) {
    const auto& resolvers = configuration.resolvers;
    if (resolvers.empty())
        return Error{
            Errc::invalid, Origin::config, "the configuration has no certificatesResolvers"};
    if (name.empty() && resolvers.size() == 1) return &resolvers.begin()->second;
    const auto found = resolvers.find(name);
    if (found != resolvers.end()) return &found->second;
    std::string names;
    for (const auto& [key, resolver] : resolvers) names += (names.empty() ? "" : ", ") + key;
    return Error{Errc::invalid,
                 Origin::config,
                 name.empty() ? "several resolvers: choose one with --resolver (" + names + ")"
                              : "no resolver " + name + "; there are: " + names};
}

/// Gives the items of one source, a batch at a time, so that memory stays bounded.
class ImportSource {
 public:
    [[nodiscard]] static Result<ImportSource> open(const ImportOptions& options,
                                                   const std::string& resolver) {
        ImportSource source;
        if (!options.acme_json.empty()) {
            const auto text = control::read_text_file(options.acme_json, acme_json_size_max);
            if (!text) return text.error();
            auto items = control::read_traefik(*text, resolver);
            if (!items) return with_context(options.acme_json, items.error());
            source.items_ = std::move(*items);
        } else if (!options.directory.empty()) {
            auto found = control::find_pairs(options.directory);
            if (!found) return found.error();
            source.pairs_ = std::move(found->pairs);
            source.unpaired_ = std::move(found->unpaired);
        } else {
            source.pairs_ = {{options.cert, options.key}};
        }
        return source;
    }

    /// Empty at the end. What cannot be read goes to `lines`.
    std::vector<control::ImportItem> next(std::vector<control::ImportLine>& lines) {
        std::vector<control::ImportItem> batch;
        for (; at_ < items_.size() && batch.size() < control::import_batch_size; ++at_)
            batch.push_back(std::move(items_[at_]));
        while (pair_ < pairs_.size() && batch.size() < control::import_batch_size) {
            const control::PairFiles& files = pairs_[pair_++];
            auto item = control::read_pair(files);
            if (item)
                batch.push_back(std::move(*item));
            else
                lines.push_back(refused(files.cert_file, item.error().message));
        }
        return batch;
    }

    [[nodiscard]] std::vector<control::ImportLine> left_out() const {
        std::vector<control::ImportLine> lines;
        for (const std::string& file : unpaired_)
            lines.push_back(refused(file, "no key file beside it"));
        return lines;
    }

 private:
    static control::ImportLine refused(const std::string& label, std::string why) {
        control::ImportLine line;
        line.label = label;
        line.message = std::move(why);
        return line;
    }

    std::vector<control::ImportItem> items_;
    std::vector<control::PairFiles> pairs_;
    std::vector<std::string> unpaired_;
    std::size_t at_ = 0;
    std::size_t pair_ = 0;
};

/// Runs what the store has to say on the store's own thread. Outlives the store.
class OnTheSpot final : public Executor {
 public:
    void post(std::function<void()> task) override { task(); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override { task(); }
};

/// Applies one transition and waits for the disk.
Status commit(store::Store& store, Executor& executor, store::Transition transition) {
    // Shared: the store's thread may still be inside set_value when the answer is here.
    const auto answer = std::make_shared<std::promise<Status>>();
    store.apply(std::move(transition), executor, [answer](const Result<store::Applied>& applied) {
        answer->set_value(applied ? Status() : Status(applied.error()));
    });
    return answer->get_future().get();
}

std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

std::size_t count(const std::vector<control::ImportLine>& lines, control::ImportOutcome outcome) {
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(), [&](const control::ImportLine& line) {
            return line.outcome == outcome;
        }));
}

void print_text(const std::vector<control::ImportLine>& lines, const std::string& store) {
    for (const control::ImportLine& line : lines) {
        std::printf(
            "%s: %s", line.label.c_str(), std::string(control::to_string(line.outcome)).c_str());
        if (!line.names.empty()) std::printf(" (%s)", joined(line.names).c_str());
        if (!line.message.empty()) std::printf(": %s", line.message.c_str());
        std::printf("\n");
    }
    std::printf("%zu imported into %s, %zu left as they are, %zu refused\n",
                count(lines, control::ImportOutcome::imported),
                store.c_str(),
                count(lines, control::ImportOutcome::already_stored) +
                    count(lines, control::ImportOutcome::kept_stored),
                count(lines, control::ImportOutcome::refused));
}

void print_json(const std::vector<control::ImportLine>& lines, const std::string& store) {
    nlohmann::ordered_json document = {
        {"version", 1}, {"store", store}, {"items", nlohmann::json::array()}};
    for (const control::ImportLine& line : lines)
        document["items"].push_back(
            {{"source", line.label},
             {"outcome", control::to_string(line.outcome)},
             {"names", line.names},
             {"serial", line.serial},
             {"not_after", line.not_after ? nlohmann::json(rfc3339(*line.not_after)) : nullptr},
             {"message", line.message}});
    std::printf("%s\n",
                document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

/// All items into the store, batch by batch.
Result<std::vector<control::ImportLine>> take(store::Store& store,
                                              Executor& executor,
                                              ImportSource& source,
                                              const control::ImportTarget& target) {
    const auto stored = store.certificates();
    if (!stored) return stored.error();
    control::Import import(target, *stored);
    std::vector<control::ImportLine> lines;
    for (;;) {
        const auto items = source.next(lines);
        if (items.empty()) break;
        auto batch = import.add(items, SystemClock().now());
        if (!batch.transition.empty())
            if (const Status done = commit(store, executor, std::move(batch.transition)); !done)
                return done.error();
        lines.insert(lines.end(), batch.lines.begin(), batch.lines.end());
    }
    const auto left = source.left_out();
    lines.insert(lines.end(), left.begin(), left.end());
    return lines;
}

/// Items on their way to the process, as many in one request as it takes.
class Delivery {
 public:
    using Json = Running::Json;

    Delivery(Running& running, std::string resolver)
        : running_(running), resolver_(std::move(resolver)) {}

    Status add(const control::ImportItem& item, std::vector<control::ImportLine>& lines) {
        Json one = {{"label", item.label},
                    {"chain", item.chain_pem},
                    {"key", std::string(item.key_pem.reveal())}};
        const std::size_t size = one.dump(-1, ' ', false, Json::error_handler_t::replace).size();
        if (size > request_size_max) {
            control::ImportLine line;
            line.label = item.label;
            line.message = "larger than a running mesh takes";
            lines.push_back(std::move(line));
            return {};
        }
        if (size_ + size > request_size_max || items_.size() == request_items_max)
            if (Status sent = send(lines); !sent) return sent;
        size_ += size;
        items_.push_back(std::move(one));
        return {};
    }

    Status send(std::vector<control::ImportLine>& lines) {
        if (items_.empty()) return {};
        size_ = 0;
        const auto answer = running_.ask({{"command", "import"},
                                          {"resolver", resolver_},
                                          {"items", std::exchange(items_, Json::array())}});
        if (!answer) return answer.error();
        for (const Json& item : answer->json.at("items")) lines.push_back(line_of(item));
        return {};
    }

 private:
    static control::ImportLine line_of(const Json& json) {
        using Outcome = control::ImportOutcome;
        control::ImportLine line;
        line.label = json.at("source").get<std::string>();
        for (const Outcome outcome :
             {Outcome::imported, Outcome::already_stored, Outcome::kept_stored})
            if (json.at("outcome") == control::to_string(outcome)) line.outcome = outcome;
        line.names = json.at("names").get<std::vector<std::string>>();
        line.serial = json.at("serial").get<std::string>();
        if (!json.at("not_after").is_null())
            line.not_after = parse_rfc3339(json.at("not_after").get<std::string>()).value();
        line.message = json.at("message").get<std::string>();
        return line;
    }

    Running& running_;
    std::string resolver_;
    Json items_ = Json::array();
    std::size_t size_ = 0;
};

/// All items to the process that owns the store, which checks, stores and serves them.
Result<std::vector<control::ImportLine>> hand_over(Running& running,
                                                   const std::string& resolver,
                                                   ImportSource& source) {
    std::vector<control::ImportLine> lines;
    Delivery delivery(running, resolver);
    for (;;) {
        const auto items = source.next(lines);
        if (items.empty()) break;
        for (const control::ImportItem& item : items)
            if (const Status added = delivery.add(item, lines); !added) return added.error();
    }
    if (const Status sent = delivery.send(lines); !sent) return sent.error();
    const auto left = source.left_out();
    lines.insert(lines.end(), left.begin(), left.end());
    return lines;
}

int report(const Common& common,
           const std::vector<control::ImportLine>& lines,
           const std::string& store) {
    common.json ? print_json(lines, store) : print_text(lines, store);
    return count(lines, control::ImportOutcome::refused) == 0 ? 0 : 1;
}

}  // namespace

int certs_import(const Common& common, const ImportOptions& options) {
    config::LoadResult loaded = load(common.config, false);
    if (!loaded.configuration) {
        print(loaded);
        return app::exit_code::configuration;
    }
    const auto resolver = pick_resolver(*loaded.configuration, options.resolver);
    if (!resolver) return complain(app::exit_code::usage, resolver.error().message);
    auto source = ImportSource::open(
        options, options.resolver.empty() ? (*resolver)->name : options.resolver);
    if (!source) return complain(1, source.error().message);

    const std::string& path = loaded.configuration->storage;
    auto running = Running::find(common.config, path);
    if (running) {
        const auto lines = hand_over(*running, (*resolver)->name, *source);
        return lines ? report(common, *lines, path)
                     : complain(app::exit_code::store, lines.error().message);
    }
    if (running.error().code != Errc::not_found)
        return complain(app::exit_code::store, running.error().message);

    StderrLog log;
    OnTheSpot executor;
    std::error_code unknown;
    const bool is_new = !std::filesystem::exists(path, unknown) && !unknown;
    auto store = store::open(path, store::Access::own, log);
    if (!store) return complain(app::exit_code::store, store.error().message);
    if (!(*store)->writable()) return complain(app::exit_code::store, path + " can only be read");
    if (is_new) std::fprintf(stderr, "mesh: made a new store: %s\n", path.c_str());
    const auto lines =
        take(**store, executor, *source, {(*resolver)->ca_server, (*resolver)->name});
    if (!lines) return complain(app::exit_code::store, lines.error().message);
    return report(common, *lines, path);
}

}  // namespace mesh::cli
