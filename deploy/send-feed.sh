#!/bin/sh
# Sends the files of a feed to Muster, and with -m the connector's document first. For cron, say:
#
#   15 1 * * *  send-feed.sh -u https://muster.example.org -t /etc/muster/hr.token \
#                 -m /srv/hr/hr.toml hr people=/srv/hr/people.csv departments=/srv/hr/departments.csv
#
# The token stands in a file that nobody else can read. It needs the scope upload, with -m also configure; limit it to
# the connector:  muster token create hr-feed --scope upload,configure --connector hr > /etc/muster/hr.token
#
# Needs curl and openssl. Whatever is refused ends it with an exit code that is not 0, and says why: the server's answer
# goes to stderr. Sending a file again replaces it, so the whole can simply be tried again.
set -eu

usage() {
    echo "usage: send-feed.sh -u URL -t TOKEN_FILE [-m DOCUMENT] CONNECTOR TABLE=FILE..." >&2
    exit 2
}

url= token_file= document=
while getopts u:t:m: option; do
    case $option in
    u) url=${OPTARG%/} ;;
    t) token_file=$OPTARG ;;
    m) document=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ -n "$url" ] && [ -n "$token_file" ] && [ $# -ge 2 ] || usage
token=$(cat "$token_file")

# Any name in an address: each of its bytes, escaped.
escaped() { printf %s "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'; }

# The token goes in by stdin: the command line could be seen by others.
ask() {
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
        curl --config - --silent --show-error --fail-with-body --retry 3 --connect-timeout 20 "$@") || {
        status=$?
        printf '%s\n' "$answer" >&2
        exit $status
    }
}

connector=$url/api/v1/connectors/$(escaped "$1")
shift

if [ -n "$document" ]; then
    ask --upload-file "$document" "$connector"
fi
for pair; do
    table=${pair%%=*} file=${pair#*=}
    digest=$(openssl dgst -sha256 -binary "$file" | openssl base64 -A)
    ask --upload-file "$file" --header "Content-Digest: sha-256=:$digest:" \
        "$connector/tables/$(escaped "$table")/file?name=$(escaped "${file##*/}")"
done
# A connector that applies its feeds by itself has begun, or begins when the run that is at work is over.
case $answer in
*'"auto_apply":true'*) ;;
*) ask --request POST "$connector/feed" ;;
esac
printf '%s\n' "$answer"
