"""HTTP: one thin file per noun, and `create_app(platform)`. Faces translate, features decide."""
