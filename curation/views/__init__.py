"""Views: get the object through access, validate with a form, call one action, render."""
