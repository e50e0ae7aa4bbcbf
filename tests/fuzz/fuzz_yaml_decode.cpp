// A YAML file is either valid or has findings that point into it; none of them shows what a
// substitution stands for or a byte that a terminal would act upon, and no text takes long.
#include "fuzz/findings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mesh;
    const std::string_view text = fuzz::text(data, size);
    const std::vector<config::NamedText> nothing_on_disk;
    config::LoadOptions options;
    options.provider_files = &nothing_on_disk;
    options.environment = fuzz::environment;
    // Half of them as on a machine that has no secrets.
    options.no_secrets = size % 2 == 1;
    fuzz::check_result(config::load_text(text, "/nonexistent/mesh.yaml", options), text);
    return 0;
}
