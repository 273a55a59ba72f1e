# Sourced: a state of apt's own for Debian unstable, which leaves that of the system alone.
#
# unstable_begin FOLDER [ARCHITECTURE [SOURCE]]    makes the state below FOLDER, by default for this machine's packages;
#                          `${settings[@]}` are the arguments for apt-get from then on. SOURCE replaces `deb ... sid`: it
#                          is the kind and the suite, such as "deb-src bookworm".
# Needs a function `fail`, which says why and ends the script.

unstable_begin() {
    local apt=$1 architecture=${2:-} kind=${3:-deb sid} keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    for program in apt-get dpkg dpkg-deb; do
        command -v "$program" >/dev/null || fail "there is no $program: this is no Debian"
    done
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/etc"
    : >"$apt/status"
    architecture=${architecture:-$(dpkg --print-architecture)}
    mirror=${PROCESSING_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 -E '/debian/?$' || true)}
    mirror=${mirror:-http://deb.debian.org/debian}
    settings=(
        -qq -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o APT::Install-Recommends=false
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Debug::NoLocking=true
        -o Acquire::Check-Valid-Until=false # a mirror may lag behind
        -o "Dir::Etc::SourceList=$apt/etc/sources.list" -o "Dir::Etc::SourceParts=$apt/etc" -o "Dir::Etc::Parts=$apt/etc"
        -o "Dir::State=$apt" -o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status"
        -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
    )
    echo "${kind% *} [signed-by=$keyring] $mirror ${kind#* } main" >"$apt/etc/sources.list"
    if ! apt-get "${settings[@]}" update >"$apt/log" 2>&1 || grep -q NO_PUBKEY "$apt/log"; then
        # An old system has not the keys of today's unstable. What comes from there runs tests, and nothing else.
        echo "${kind% *} [trusted=yes] $mirror ${kind#* } main" >"$apt/etc/sources.list"
        apt-get "${settings[@]}" update >"$apt/log" 2>&1 || fail "$mirror: $(tail -n 1 "$apt/log")"
    fi
}
