"""Tests of the groups of quantities, each against closed forms and against second ways that share no code."""
