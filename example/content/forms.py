"""The contact form."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class ContactForm(forms.Form):
    """A message to the shop."""

    email = forms.EmailField(label=_("Your e-mail"))
    message = forms.CharField(label=_("Your message"), widget=forms.Textarea(attrs={"rows": 6}))
