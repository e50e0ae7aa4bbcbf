#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

constexpr Choice<bool> on_error_words[] = {
    {"refuse", false},
    {"partial", true},
};

constexpr Option<FileProviderDraft> file_provider_options[] = {
    option<FileProviderDraft>(
        "filename",
        "path",
        "",
        "A further file with `tcp` and `tls`.",
        [](const Field& field, FileProviderDraft& out) { out.filename = field.text(); }),
    option<FileProviderDraft>(
        "directory",
        "path",
        "",
        "A folder: every `*.yaml`, `*.yml` and `*.toml` in it and below it, in order of their "
        "paths; names that begin with a dot are left out. Not beside `filename`.",
        [](const Field& field, FileProviderDraft& out) { out.directory = field.text(); }),
    option<FileProviderDraft>(
        "watch",
        "boolean",
        "true",
        "Whether a change of these files is applied by itself, 0.3 s after the last one.",
        [](const Field& field, FileProviderDraft& out) { out.watch = field.boolean(); }),
    option<FileProviderDraft>(
        "onError",
        "refuse or partial",
        "refuse",
        "`refuse` applies all files or nothing. `partial` leaves out what is wrong in these files: "
        "an object that worked before keeps that form, a router that did not is closed, so that "
        "what it matches falls to no other.",
        [](const Field& field, FileProviderDraft& out) {
            out.partial = field.choice(on_error_words);
        }),
    foreign<FileProviderDraft>("debugLogGeneratedTemplate"),
};
constexpr Section<FileProviderDraft> file_provider_entry{"providers.file", file_provider_options};

constexpr Option<ProvidersDraft> providers_options[] = {
    option<ProvidersDraft>("file",
                           "section",
                           "",
                           "Dynamic configuration in further files.",
                           [](const Field& field, ProvidersDraft& out) {
                               read_section(field, file_provider_section(), out.file);
                           }),
    later<ProvidersDraft>("docker"),
    later<ProvidersDraft>("consulCatalog"),
    later<ProvidersDraft>("providersThrottleDuration"),
    foreign<ProvidersDraft>("consul"),
    foreign<ProvidersDraft>("ecs"),
    foreign<ProvidersDraft>("etcd"),
    foreign<ProvidersDraft>("http"),
    foreign<ProvidersDraft>("kubernetesCRD"),
    foreign<ProvidersDraft>("kubernetesGateway"),
    foreign<ProvidersDraft>("kubernetesIngress"),
    foreign<ProvidersDraft>("kubernetesIngressNGINX"),
    foreign<ProvidersDraft>("knative"),
    foreign<ProvidersDraft>("nomad"),
    foreign<ProvidersDraft>("plugin"),
    foreign<ProvidersDraft>("redis"),
    foreign<ProvidersDraft>("rest"),
    foreign<ProvidersDraft>("swarm"),
    foreign<ProvidersDraft>("zooKeeper"),
};
constexpr Section<ProvidersDraft> providers{"providers", providers_options};

}  // namespace

const Section<ProvidersDraft>& providers_section() {
    return providers;
}

const Section<FileProviderDraft>& file_provider_section() {
    return file_provider_entry;
}

}  // namespace mesh::config
