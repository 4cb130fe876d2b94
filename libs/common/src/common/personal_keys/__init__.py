"""Personal access tokens: how they look, whom they speak for, and when they were last used."""
