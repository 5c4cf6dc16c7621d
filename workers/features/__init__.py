"""Recognises machining features from exact surfaces and the convexity of edges."""
