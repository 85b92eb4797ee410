"""The few pages that belong to no app."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static

from config.http import page
from config.policy import public


@public(reason="monitors ask whether the application and its database answer; it shows nothing else")
def healthz(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


@public(reason="browsers ask for it before anybody has signed in")
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("img/favicon.svg"), permanent=True)


@public(reason="shows the components with made-up data, nothing of a team")
def styleguide(request: HttpRequest) -> HttpResponse:
    from config.styleguide import context

    return page(request, "styleguide.html", context())
