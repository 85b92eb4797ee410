"""Many are changed and taken back while people annotate: nobody gets an error, and every count stays true."""

import random
import threading

import pytest
from django.db import connections
from django.db.models import Count, F, Q

from config.faults import Fault
from curation.actions import bulk, queue
from curation.models import Annotation, Example, Slot
from tests.curation import made_tasks

DEEDS = {"wanted": 3, "reject": None, "reopen": None, "delete": None, "priority": 4.0, "add_tag": "x"}


@pytest.mark.django_db(transaction=True)
def test_people_annotate_while_many_are_changed(cast):  # noqa: C901  (the two sides read best side by side)
    task = made_tasks.task(cast.team, wanted=2, order="priority")
    made_tasks.examples(task, 40)
    people = [made_tasks.person(cast.team, f"Person {number}") for number in range(3)]
    errors: list[BaseException] = []
    stop = threading.Event()

    def annotate(person):
        chance = random.Random(person.pk)
        for turn in range(60):
            if stop.is_set():
                return
            item = queue.next_item(task=task, user=person)
            if item is None:
                continue
            try:
                if chance.random() < 0.2:
                    queue.skip(annotation=item, by=person)
                else:
                    queue.submit(annotation=item, by=person, version=item.version, answer={"output": str(turn)})
            except Fault as fault:
                if fault.code not in {"annotation.closed", "annotation.stale"}:
                    raise

    def change():
        for _ in range(3):
            for deed, value in DEEDS.items():
                done = bulk.change_many(
                    task=task, by=cast.curator, examples=Example.objects.filter(task=task), deed=deed, value=value
                )
                if done.change:
                    bulk.undo(change=done.change, by=cast.curator)

    def run(work, *args):
        try:
            work(*args)
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(annotate, person)) for person in people]
    threads.append(threading.Thread(target=run, args=(change,)))
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []
    assert Annotation.objects.filter(task=task, state="submitted").exists()
    counted = Example.objects.annotate(n=Count("slots", filter=Q(slots__state="done", slots__gold=False)))
    assert not counted.filter(task=task).exclude(done=F("n")).exists()
    assert not Example.objects.filter(task=task, state="submitted", done__lt=F("wanted")).exists()
    assert not Example.objects.filter(task=task, state="open", done__gte=F("wanted")).exists()
    assert not Slot.objects.filter(task=task, state="free", example__deleted_at__isnull=False).exists()
