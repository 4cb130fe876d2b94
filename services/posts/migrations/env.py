from common.db import migrations
from posts_service.models import Base

migrations.run("posts", Base.metadata)
