#!/bin/sh
# One deploy by hand, as fast as a shell script can: the floor that deploy.yml is measured against.
# Runs on the host as root in one ssh, with the app's source as a tar on standard input; `app`, `domain` and `watch`
# (seconds between switch and stop) are set before it. The same steps as a release of ours, with no check, no lock,
# no second thought: what an expert would write for a host that always behaves.
set -eu
: "${app:?}" "${domain:?}" "${watch:=0}"
id=$(date +%s)-floor
old=$(basename "$(readlink "/srv/$app/current")")
here=/srv/$app/releases/$id
settings=/etc/$app/releases/$id

mkdir -p "$here/src" "$settings"
tar -xz -C "$here/src" --no-same-owner -f -
key=$(sha256sum "$here/src/requirements.txt" | cut -c1-16)
venv=/srv/$app/venvs/$key
if [ ! -d "$venv" ]; then
  export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
  /opt/slipway/bin/uv --quiet venv --python /usr/bin/python3 "$venv"
  /opt/slipway/bin/uv --quiet pip install --compile-bytecode --python "$venv/bin/python" \
    -r "$here/src/requirements.txt" gunicorn==27.0.1 'psycopg[binary]'
fi
ln -s "$venv" "$here/venv"
ln -s "/run/$app/$id" "$here/run"
ln -s "/srv/$app/shared/uploads" "$here/src/uploads"
cp "/etc/$app/environment" "/etc/$app/gunicorn.conf.py" "$settings/"
chown -R "root:$app" "$here"
chmod -R g+rX,o-rwx "$here/src"

# shellcheck disable=SC1090,SC1091  # the host's own
(
  set -a && . "$settings/environment" && cd "$here/src"
  exec runuser -u "$app" -- "$venv/bin/flask" --app wsgi:app db upgrade
) 2>/dev/null

systemctl start "$app@$id"
until [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "/run/$app/$id/gunicorn.sock" -H "Host: $domain" \
  -H 'X-Forwarded-Proto: https' http://app/readyz)" = 200 ]; do sleep 0.1; done

wants=/etc/systemd/system/multi-user.target.wants
ln -s "/etc/systemd/system/$app@.service" "$wants/$app@$id.service"
ln -s "releases/$id" "/srv/$app/.new"
mv -T "/srv/$app/.new" "/srv/$app/current"
[ "$(curl -sk -o /dev/null -w '%{http_code}' --resolve "$domain:443:127.0.0.1" "https://$domain/readyz")" = 200 ]

sleep "$watch"
while [ "$(ss -xlnH "src /run/$app/$old/gunicorn.sock" | awk '{print $3}')" -gt 0 ]; do sleep 0.1; done
systemctl stop "$app@$old"
rm -f "$wants/$app@$old.service"
for gone in $(find "/srv/$app/releases" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | head -n -5); do
  rm -rf "/srv/$app/releases/$gone" "/etc/$app/releases/$gone"
done
