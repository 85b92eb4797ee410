"""When a schedule runs and who hears of its failures, as a form; and a cron line as a form's fields again."""

import re
from typing import Any
from zoneinfo import available_timezones

from django import forms

from curation.actions.schedules import SECRET_LEAST, Told, When
from curation.models import Alert, Team, User
from curation.scheduling import TRIGGERS
from jobs.models import Schedule

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
HOURS = (1, 2, 3, 4, 6, 8, 12)
BY_TIME = [
    ("daily", "Every day"),
    ("weekdays", "Monday to Friday"),
    ("weekly", "Every week"),
    ("monthly", "Every month"),
    ("hours", "Every few hours"),
    ("cron", "By a cron line"),
]
# Which fields belong to which choice; the page hides the others where it can.
FOR = {
    "at": "daily weekdays weekly monthly",
    "weekday": "weekly",
    "day": "monthly",
    "hours": "hours",
    "minute": "hours",
    "cron": "cron",
    "zone": "daily weekdays weekly monthly hours cron",
}
_AT = r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2})"
_PATTERNS = {
    "daily": re.compile(rf"{_AT} \* \* \*"),
    "weekdays": re.compile(rf"{_AT} \* \* 1-5"),
    "weekly": re.compile(rf"{_AT} \* \* (?P<weekday>[0-6])"),
    "monthly": re.compile(rf"{_AT} (?P<day>\d{{1,2}}) \* \*"),
    "hours": re.compile(r"(?P<minute>\d{1,2}) (?:\*/(?P<hours>[2346]|8|12)|(?P<each>\*)) \* \* \*"),
}


def read_cron(line: str) -> dict[str, Any]:
    """The fields that a cron line fills: rhythm and what belongs to it."""
    for rhythm, pattern in _PATTERNS.items():
        if (found := pattern.fullmatch(line)) is None:
            continue
        parts = {name: int(value) for name, value in found.groupdict().items() if value and name != "each"}
        hour = parts.pop("hour", None)
        if rhythm == "hours":
            return {"rhythm": rhythm, "hours": parts.get("hours", 1), "minute": parts["minute"]}
        return {"rhythm": rhythm, "at": f"{hour:02}:{parts.pop('minute'):02}"} | parts
    return {"rhythm": "cron", "cron": line}


class ScheduleForm(forms.Form):
    """`when` and `told` are what `actions.schedules` takes."""

    use_required_attribute = False  # the page hides fields that do not belong to what was chosen

    name = forms.CharField(label="Name", max_length=100, strip=True)
    rhythm = forms.ChoiceField(label="How often")
    at = forms.TimeField(
        label="At", required=False, initial="02:00", input_formats=["%H:%M"],
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )  # fmt: skip
    weekday = forms.TypedChoiceField(
        label="On", required=False, coerce=int, initial=1, choices=[(n % 7, WEEKDAYS[n % 7]) for n in range(1, 8)]
    )
    day = forms.IntegerField(
        label="Day of the month", required=False, min_value=1, max_value=28, initial=1,
        help_text="1 to 28, which every month has.",
    )  # fmt: skip
    hours = forms.TypedChoiceField(
        label="Every", required=False, coerce=int, initial=6,
        choices=[(n, f"{n} hours" if n > 1 else "hour") for n in HOURS],
    )  # fmt: skip
    minute = forms.IntegerField(label="At minute", required=False, min_value=0, max_value=59, initial=0)
    cron = forms.CharField(
        label="Cron line", required=False, max_length=120,
        help_text="Minute, hour, day, month, weekday: 30 6 * * 1-5 is half past six from Monday to Friday.",
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    zone = forms.ChoiceField(label="Time zone")
    every = forms.IntegerField(
        label="How many new ones", required=False, min_value=1, max_value=1_000_000_000, initial=1_000,
        help_text="Counted from the last time it ran. What comes while it runs counts for the next time.",
    )  # fmt: skip
    overlap = forms.ChoiceField(
        label="If the one before still runs", choices=Schedule.Overlap.choices, widget=forms.RadioSelect,
        initial=Schedule.Overlap.SKIP,
    )  # fmt: skip
    people = forms.ModelMultipleChoiceField(
        User.objects.none(), label="Mail to", required=False, widget=forms.CheckboxSelectMultiple
    )
    webhook_url = forms.CharField(
        label="Webhook", required=False, max_length=500, help_text="Gets a signed JSON message by POST.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    secret = forms.CharField(
        label="Secret of the webhook", required=False, min_length=SECRET_LEAST, max_length=500,
        help_text="At least 16 characters that the receiver knows too. Kept encrypted and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, team: Team, schedule: Schedule | None = None, **kwargs: Any) -> None:
        initial = {"zone": team.time_zone, "rhythm": "daily"} | (initial_of(schedule) if schedule else {})
        super().__init__(*args, **kwargs | {"initial": initial | kwargs.get("initial", {})})
        fields: Any = self.fields
        fields["rhythm"].choices = [*BY_TIME, *((name, one.label) for name, one in TRIGGERS.items())]
        fields["zone"].choices = [(name, name) for name in sorted(available_timezones() - {"localtime"})]
        self.watch = {f"watched_{number}": name for number, name in enumerate(TRIGGERS)}
        for field, name in self.watch.items():
            entry = TRIGGERS[name]
            fields[field] = forms.ModelChoiceField(entry.rows(team), label=entry.noun, required=False, empty_label="—")
        members = User.objects.filter(memberships__team=team, is_active=True).order_by("name", "email")
        fields["people"].queryset = members
        # What belongs to the choice is needed; of the rest nothing is read.
        chosen = self.data.get("rhythm") if self.is_bound else None
        for field, owners in self.owners.items():
            fields[field].required = chosen is None or chosen in owners.split()
        alert = Alert.objects.filter(schedule=schedule).first() if schedule else None
        if alert is not None and alert.secret_sealed:
            fields[
                "secret"
            ].help_text = "A secret is kept. Leave this empty to keep it; what you write takes its place."

    @property
    def owners(self) -> dict[str, str]:
        """By the name of a field that says when: the choices it belongs to."""
        return FOR | self.watch | {"every": " ".join(TRIGGERS)}

    def groups(self) -> list[tuple[str, Any]]:
        """(choices it belongs to, field) of the fields that say when."""
        order = ("at", "weekday", "day", "hours", "minute", "cron", "zone", *self.watch, "every")
        return [(self.owners[name], self[name]) for name in order]

    @property
    def when(self) -> When:
        """From what was sent and is valid."""
        data = self.cleaned_data
        rhythm, zone = data["rhythm"], data["zone"]
        if rhythm in TRIGGERS:
            field = next(field for field, name in self.watch.items() if name == rhythm)
            return When(trigger=rhythm, watched=data[field].pk, every=data["every"], zone=zone or "UTC")
        if rhythm == "cron":
            return When(data["cron"], zone)
        if rhythm == "hours":
            hours = data["hours"] or 1
            return When(f"{data['minute'] or 0} {'*' if hours == 1 else f'*/{hours}'} * * *", zone)
        at = f"{data['at'].minute} {data['at'].hour}"
        rest = {"daily": "* * *", "weekdays": "* * 1-5", "weekly": f"* * {data['weekday']}"}
        return When(f"{at} {rest.get(rhythm, '')}" if rhythm in rest else f"{at} {data['day']} * *", zone)

    @property
    def told(self) -> Told:
        data = self.cleaned_data
        return Told(list(data["people"]), data["webhook_url"], data["secret"] or None)


def initial_of(schedule: Schedule) -> dict[str, Any]:
    initial: dict[str, Any] = {"name": schedule.name, "zone": schedule.zone, "overlap": schedule.overlap}
    if schedule.by_time:
        initial |= read_cron(schedule.cron)
    else:
        field = f"watched_{list(TRIGGERS).index(schedule.trigger)}" if schedule.trigger in TRIGGERS else ""
        initial |= {"rhythm": schedule.trigger, "every": schedule.every, field: schedule.watched}
    alert = Alert.objects.filter(schedule=schedule).first()
    if alert is not None:
        initial |= {"people": list(alert.people.values_list("pk", flat=True)), "webhook_url": alert.webhook_url}
    return initial
