#include "config/labels.hpp"

#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "config/codes.hpp"
#include "config/label_tree.hpp"
#include "config/quote.hpp"
#include "config/source_text.hpp"
#include "config/spelling.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace mesh::config {
namespace {

/// What a path shows of a key at most.
constexpr std::size_t path_characters_max = 300;

/// The one part of `tls` that labels may set.
constexpr std::array<std::string_view, 4> generated_certificate = {
    "tls", "stores", "default", "defaultGeneratedCert"};

/// Labels by which Traefik's providers are told something that mesh has no use for.
constexpr std::string_view foreign_sections[] = {"swarm", "nomad", "ecs", "marathon"};
constexpr std::string_view foreign_options[] = {
    "docker.allowNonRunning", "docker.lbswarm", "consulcatalog.canary", "consulcatalog.connect"};

bool starts_with_part(std::string_view key, std::string_view part) {
    return key.size() > part.size() && key[part.size()] == '.' &&
           equal_ignoring_case(key.substr(0, part.size()), part);
}

std::string_view first_part(std::string_view key) {
    return key.substr(0, key.find_first_of(".["));
}

bool is_text(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = utf8_sequence_size(bytes.substr(at));
        const auto byte = static_cast<unsigned char>(bytes[at]);
        const bool control =
            (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
        if (size == 0 || control) return false;
        at += size;
    }
    return true;
}

class LabelParser {
 public:
    LabelParser(const LabelReading& reading, Problems& problems)
        : reading_(reading), problems_(problems), tree_(reading, out_.paths, problems) {}

    ParsedLabels run(std::span<const Label> labels) {
        for (const Label& label : labels)
            if (const auto begin = begin_of(label)) own_.push_back({&label, *begin});
        out_.count = own_.size();
        if (own_.size() > labels_max)
            report(Severity::error,
                   codes::limit,
                   *own_[labels_max].label,
                   "more than " + std::to_string(labels_max) + " labels",
                   {});
        own_.resize(std::min(own_.size(), labels_max));
        for (const Own& own : own_) read_switch(own);
        if (out_.enable.value_or(true))
            for (const Own& own : own_) read(own);
        report_other_planes();
        out_.parsed = tree_.finish();
        return std::move(out_);
    }

 private:
    /// A label that begins with a prefix, and where the part behind it begins.
    struct Own {
        const Label* label;
        std::size_t begin;
        [[nodiscard]] std::string_view rest() const {
            return std::string_view(label->key).substr(begin);
        }
    };

    [[nodiscard]] std::optional<std::size_t> begin_of(const Label& label) const {
        for (const std::string& prefix : reading_.prefixes) {
            if (prefix.empty() && is_mine_without_prefix(label.key)) return 0;
            if (!prefix.empty() && starts_with_part(label.key, prefix)) return prefix.size() + 1;
        }
        return std::nullopt;
    }

    static bool is_mine_without_prefix(std::string_view key) {
        constexpr std::string_view known[] = {"tcp", "tls", "http", "udp", "docker"};
        return equal_ignoring_case(key, "enable") ||
               std::any_of(std::begin(known), std::end(known), [&](std::string_view section) {
                   return starts_with_part(key, section);
               });
    }

    void read_switch(const Own& own) {
        if (!equal_ignoring_case(own.rest(), "enable")) return;
        const auto value = parse_boolean(own.label->value);
        if (!value)
            report(Severity::error,
                   codes::bad_value,
                   *own.label,
                   "expected true or false, got " + in_quotes(own.label->value),
                   {});
        else if (out_.enable && *out_.enable != *value)
            report(Severity::error,
                   codes::duplicate,
                   *own.label,
                   "this label stands twice, with different values",
                   {});
        // Not sure whether it is wanted: it is not.
        out_.enable = value.value_or(false) && out_.enable.value_or(true);
    }

    void read(const Own& own) {
        const Label& label = *own.label;
        const std::string_view section = first_part(own.rest());
        if (!is_bearable(label) || equal_ignoring_case(own.rest(), "enable")) return;
        if (equal_ignoring_case(section, "tcp")) {
            tree_.add(label, own.begin);
        } else if (equal_ignoring_case(section, "tls")) {
            if (is_generated_certificate(own)) tree_.add(label, own.begin);
        } else if (equal_ignoring_case(own.rest(), "docker.network")) {
            out_.network = label.value;
        } else if (equal_ignoring_case(section, "http") || equal_ignoring_case(section, "udp")) {
            if (!first_of_other_planes_) first_of_other_planes_ = &label;
            ++other_planes_;
        } else if (is_foreign(own.rest())) {
            report(Severity::warning,
                   codes::ignored,
                   label,
                   "a label of Traefik's that mesh does not have; it is ignored",
                   {});
        } else {
            report_unknown(own);
        }
    }

    bool is_bearable(const Label& label) {
        if (label.key.size() > label_key_size_max || label.value.size() > label_value_size_max) {
            report(Severity::error,
                   codes::limit,
                   label,
                   "the label is larger than " + std::to_string(label_key_size_max) +
                       " bytes, or its value than " + std::to_string(label_value_size_max),
                   {});
            return false;
        }
        if (is_text(label.key) && is_text(label.value)) return true;
        report(Severity::error,
               codes::encoding,
               label,
               "the label is not UTF-8 text, or holds control characters",
               {});
        return false;
    }

    static bool is_foreign(std::string_view rest) {
        const auto begins = [&](std::string_view known) {
            return equal_ignoring_case(rest, known) || starts_with_part(rest, known);
        };
        return std::any_of(std::begin(foreign_sections), std::end(foreign_sections), begins) ||
               std::any_of(std::begin(foreign_options), std::end(foreign_options), begins);
    }

    /// Reports what else of `tls` somebody wants to set.
    bool is_generated_certificate(const Own& own) {
        std::string_view rest = own.rest();
        for (const std::string_view part : generated_certificate) {
            const std::string_view given = first_part(rest);
            if (!equal_ignoring_case(given, part)) {
                const std::string wanted(part);
                const bool is_typo = nearest(given, {&wanted, 1}).has_value();
                report(Severity::error,
                       is_typo ? codes::unknown_option : codes::unsupported,
                       *own.label,
                       is_typo ? "unknown option " + in_quotes(given)
                               : "of \"tls\", labels set stores.default.defaultGeneratedCert only",
                       is_typo ? "did you mean \"" + wanted + "\"?"
                               : "put it into the configuration file");
                return false;
            }
            rest.remove_prefix(std::min(rest.size(), given.size() + 1));
        }
        return true;
    }

    void report_unknown(const Own& own) {
        static const std::vector<std::string> sections = {"tcp", "tls", "enable", "docker"};
        static const std::vector<std::string> below_docker = {"network"};
        std::string_view given = first_part(own.rest());
        const bool is_docker = equal_ignoring_case(given, "docker");
        if (is_docker)
            given = first_part(own.rest().substr(std::min(own.rest().size(), given.size() + 1)));
        const auto& known = is_docker ? below_docker : sections;
        const auto near = nearest(given, known);
        const std::string prefix = printable(std::string_view(own.label->key).substr(0, own.begin));
        const std::string hint = near        ? "did you mean \"" + *near + "\"?"
                                 : is_docker ? "known here: network"
                                             : "known here: " + prefix + "tcp.routers.NAME..., " +
                                                   prefix + "tcp.services.NAME..., " + prefix +
                                                   "enable, " + prefix + "docker.network";
        report(Severity::error,
               codes::unknown_option,
               *own.label,
               "unknown option " + in_quotes(given),
               hint);
    }

    void report_other_planes() {
        if (!first_of_other_planes_) return;
        report(Severity::warning,
               codes::ignored,
               *first_of_other_planes_,
               std::to_string(other_planes_) + (other_planes_ == 1 ? " label" : " labels") +
                   " of \"http\" or \"udp\", which mesh does not have; ignored",
               {});
    }

    void report(Severity severity,
                std::string_view code,
                const Label& label,
                std::string message,
                std::string hint) {
        model::Location at = LabelTree::location(reading_, label);
        problems_.add(finding_at(severity, code, at, std::move(message), std::move(hint)));
    }

    const LabelReading& reading_;
    Problems& problems_;
    ParsedLabels out_;
    LabelTree tree_;
    std::vector<Own> own_;
    const Label* first_of_other_planes_ = nullptr;
    std::size_t other_planes_ = 0;
};

}  // namespace

std::uint32_t LabelPaths::add(std::string_view key, std::size_t size) {
    parts_.push_back({key, size});
    return static_cast<std::uint32_t>(parts_.size() - 1);
}

std::string LabelPaths::path(Place place) const {
    if (place.offset >= parts_.size()) return {};
    const Part& part = parts_[place.offset];
    return printable(part.key.substr(0, part.size), path_characters_max);
}

std::string LabelPaths::key(Place place) const {
    if (place.offset >= parts_.size()) return {};
    return printable(parts_[place.offset].key, path_characters_max);
}

ParsedLabels parse_labels(std::span<const Label> labels,
                          const LabelReading& reading,
                          Problems& problems) {
    return LabelParser(reading, problems).run(labels);
}

}  // namespace mesh::config
