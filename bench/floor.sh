#!/bin/sh
# The same site by hand, as fast as a shell script can: the floor that site.yml is measured against.
# Runs on a bare host as root with the app's source as a tar on standard input. One APT transaction, uv, no check,
# no second run, no releases: what an expert would type once.
set -eu
app=harbour
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --no-install-recommends --yes nginx openssl postgresql python3 python3-pip-whl ca-certificates >/dev/null

export PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) python3 -m pip --quiet --disable-pip-version-check install \
  --no-deps --target /opt/uv uv==0.13.8 --root-user-action=ignore

useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group $app
usermod --append --groups $app www-data
install -d -o root -g $app -m 0750 /srv/$app /srv/$app/src
install -d -o $app -g $app -m 0750 /srv/$app/uploads
tar -x -C /srv/$app/src -f - --no-same-owner
/opt/uv/bin/uv --quiet venv --python /usr/bin/python3 /srv/$app/venv
/opt/uv/bin/uv --quiet pip install --compile-bytecode --python /srv/$app/venv/bin/python --require-hashes \
  -r /srv/$app/src/requirements.txt
/opt/uv/bin/uv --quiet pip install --compile-bytecode --python /srv/$app/venv/bin/python gunicorn==27.0.1

su postgres -c "psql -qc 'CREATE ROLE $app LOGIN' -c 'CREATE DATABASE $app OWNER $app TEMPLATE template0 ENCODING UTF8'"
cat >/etc/$app.env <<ENV
SECRET_KEY=$(openssl rand -hex 32)
DATABASE_URL=postgresql+psycopg:///$app?host=/var/run/postgresql
PROXY_HOPS=1
UPLOAD_FOLDER=/srv/$app/uploads
ENV
chmod 0600 /etc/$app.env
systemd-run --quiet --pipe --wait --uid=$app --working-directory=/srv/$app/src -p EnvironmentFile=/etc/$app.env \
  /srv/$app/venv/bin/flask --app wsgi db upgrade 2>/dev/null
cat >/etc/systemd/system/$app.service <<UNIT
[Service]
Type=notify
User=$app
WorkingDirectory=/srv/$app/src
EnvironmentFile=/etc/$app.env
RuntimeDirectory=$app
ExecStart=/srv/$app/venv/bin/gunicorn --worker-class gthread --workers 5 --threads 4 --umask 007 \
  --no-control-socket --bind unix:/run/$app/gunicorn.sock wsgi:app
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl --quiet enable --now $app

mkdir -p /etc/nginx/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=harbour.localhost \
  -addext subjectAltName=DNS:harbour.localhost -keyout /etc/nginx/tls/key.pem -out /etc/nginx/tls/cert.pem 2>/dev/null
cat >/etc/nginx/sites-available/default <<SITE
server { listen 80; server_name harbour.localhost; return 301 https://\$host\$request_uri; }
server {
  listen 443 ssl http2;
  server_name harbour.localhost;
  ssl_certificate /etc/nginx/tls/cert.pem;
  ssl_certificate_key /etc/nginx/tls/key.pem;
  location /static/ { alias /srv/$app/src/harbour/static/; }
  location / {
    proxy_pass http://unix:/run/$app/gunicorn.sock;
    proxy_set_header Host \$http_host;
    proxy_set_header X-Forwarded-For \$remote_addr;
    proxy_set_header X-Forwarded-Proto \$scheme;
  }
}
SITE
systemctl restart nginx
