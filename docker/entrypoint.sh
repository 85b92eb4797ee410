#!/bin/sh
# web | cpu | io | gpu | beat | alive [WHAT] | any command of manage.py
set -eu
worker() { # name, queues, then options
  name=$1 queues=$2
  shift 2
  exec celery --app config worker --queues "$queues" --hostname "$name@%h" --without-gossip --without-mingle "$@"
}
case "${1:-web}" in
  web)
    exec gunicorn config.wsgi --bind 0.0.0.0:8000 --workers "${WEB_WORKERS:-2}" --threads 8 --timeout 120 \
      --worker-tmp-dir /dev/shm --access-logfile -
    ;;
  cpu) worker cpu "${CPU_QUEUES:-cpu}" --pool prefork --concurrency "${CPU_SLOTS:-2}" ;;
  io) worker io io --pool threads --concurrency "${IO_SLOTS:-4}" ;;
  gpu) worker gpu gpu --pool solo ;;
  beat) exec celery --app config beat --schedule /tmp/beat-schedule --pidfile= ;;
  alive) exec python manage.py alive "${2:-web}" ;;
  *) exec python manage.py "$@" ;;
esac
