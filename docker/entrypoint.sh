#!/bin/sh
# web | cpu | io | gpu | beat | any command of manage.py
set -eu
case "${1:-web}" in
  web)
    python manage.py migrate --noinput
    exec gunicorn config.wsgi --bind 0.0.0.0:8000 --workers "${WEB_WORKERS:-2}" --threads 8 --timeout 120 \
      --worker-tmp-dir /dev/shm --access-logfile -
    ;;
  cpu) exec celery --app config worker --queues cpu --hostname "cpu@%h" --pool prefork --without-gossip --without-mingle ;;
  io) exec celery --app config worker --queues io --hostname "io@%h" --pool threads --concurrency "${IO_SLOTS:-4}" --without-gossip --without-mingle ;;
  gpu) exec celery --app config worker --queues gpu --hostname "gpu@%h" --pool solo --without-gossip --without-mingle ;;
  beat) exec celery --app config beat --schedule /tmp/beat-schedule --pidfile= ;;
  *) exec python manage.py "$@" ;;
esac
